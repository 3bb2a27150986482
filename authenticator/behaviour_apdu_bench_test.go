package authenticator_test

var apduBehaviours []behaviour
