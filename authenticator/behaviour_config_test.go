package authenticator_test

import (
	"fmt"

	"github.com/seed-77d61853/signet/authenticator"
)

// authenticatorConfig (§6.11).

var configBehaviours = []behaviour{
	{219, bothProfiles, everyDoor, "a subcommand is required", func(b *bench) {
		b.expect(missingParameter, request{cmdConfig, dict{}})
		b.expect(missingParameter, request{cmdConfig, dict{2: dict{}}})
	}},
	{220, bothProfiles, everyDoor, "where there is a PIN it is wanted", func(b *bench) {
		b.ensurePIN()
		b.expectSilently(puatRequired, configure(token{}, 3, dict{1: 8}))
		b.expectSilently(puatRequired, configure(token{}, 2, nil))
		b.expectSilently(puatRequired, configure(token{}, 4, nil))
		b.expectSilently(puatRequired, configure(token{}, 0xff, lock))
		b.expectSilently(missingParameter, configure(b.token(maySet, ""), 3, dict{1: 8}, without(3)))
		b.wants("minPINLength", b.info()[0x0d], 4)
	}},
	{221, bothProfiles, everyDoor, "the proof has a prefix and the command", func(b *bench) {
		b.ensurePIN()
		t := b.token(maySet, "")
		params := encode(dict{1: 8})
		for _, message := range [][]byte{{3}, {cmdConfig, 3}, append(ones[:32:32], 3)} {
			b.expect(pinAuthInvalid, configure(t, 3, dict{1: 8}, set(4, t.authenticate(message, params))))
		}
		b.expect(pinAuthInvalid, configure(t, 3, dict{1: 8}, set(4, t.authenticate(ones, []byte{cmdConfig, 3}))))
		b.wants("minPINLength", b.info()[0x0d], 4)
	}},
	{222, bothProfiles, everyDoor, "a token for something else", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayMake|maySignIn|mayManage, site)
		b.expect(pinAuthInvalid, configure(t, 3, dict{1: 8}))
		b.wants("minPINLength", b.info()[0x0d], 4)
		b.expect(pinAuthInvalid, configure(t, 4, nil))
		b.wants("longTouchForReset", b.info()[0x18], false)
		b.expect(pinAuthInvalid, configure(t, 0xff, lock))
		b.ok(manage(b.token(mayManage, ""), 1, nil))
	}},
	{223, securityKey, everyDoor, "before there is a PIN nobody has to prove anything", func(b *bench) {
		b.ok(configure(token{}, 3, dict{1: 6}))
		b.wants("minPINLength", b.info()[0x0d], 6)
		b.expect(pinPolicyViolation, setPINRequest(b.secret(2), padded("12345", 64)))
		b.setPIN("123456")
	}},
	{224, securityKey, everyDoor, "nor to leave alwaysUv, when that asks for what is not there", func(b *bench) {
		b.fresh(alwaysVerified)
		b.expect(puatRequired, configure(token{}, 3, dict{1: 6}))
		b.ok(configure(token{}, 2, nil))
		b.wants("alwaysUv", b.option("alwaysUv"), false)
		b.ok(makeCredential())
	}},
	{225, bothProfiles, everyDoor, "toggling alwaysUv twice changes nothing", func(b *bench) {
		b.ensurePIN()
		before := b.option("alwaysUv").(bool)
		b.ok(configure(b.token(maySet, ""), 2, nil))
		b.wants("alwaysUv", b.option("alwaysUv"), !before)
		b.restart()
		b.wants("alwaysUv after a restart", b.option("alwaysUv"), !before)
		b.ok(configure(b.token(maySet, ""), 2, nil))
		b.wants("alwaysUv", b.option("alwaysUv"), before)
	}},
	{226, bothProfiles, everyDoor, "the shortest PIN only ever gets longer", func(b *bench) {
		b.ensurePIN()
		t := b.token(maySet, "")
		b.expect(pinPolicyViolation, configure(t, 3, dict{1: 3}))
		b.ok(configure(t, 3, dict{1: 4}))
		b.ok(configure(t, 3, dict{}))
		b.expect(pinPolicyViolation, configure(t, 3, dict{1: 64}))
		b.wants("minPINLength", b.info()[0x0d], 4)
	}},
	{227, bothProfiles, everyDoor, "longer than the PIN is, the PIN must be changed", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		lasting := b.token(mayRead, "")
		t := b.token(maySet|maySignIn|mayManage, site)
		b.ok(configure(t, 3, dict{1: 6}))
		b.wants("forcePINChange", b.info()[0x0c], true)
		b.expect(pinAuthInvalid, configure(t, 3, dict{}))
		b.expect(pinAuthInvalid, getAssertion(by(t)))
		b.expect(pinAuthInvalid, manage(lasting, 2, nil))
		b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded("12345", 64)))
		b.changePIN("123456")
		b.lacks(b.info(), 0x0c)
		b.tryPIN("123456", success)
	}},
	{228, securityKey, everyDoor, "there has to be a PIN to be changed", func(b *bench) {
		b.expect(pinNotSet, configure(token{}, 3, dict{3: true}))
		b.ok(configure(token{}, 3, dict{3: false}))
	}},
	{229, securityKey, everyDoor, "more sites than there is room for", func(b *bench) {
		b.ok(configure(token{}, 3, dict{2: list{site}}))
		most := b.number(b.ok(bare(cmdGetInfo)), 0x10)
		sites := list{}
		for i := range most + 1 {
			sites = append(sites, fmt.Sprint(i, ".example"))
		}
		b.expect(keyStoreFull, configure(token{}, 3, dict{1: 6, 2: sites}))
		b.wants("minPINLength", b.info()[0x0d], 4)
		b.wants("minPinLength", b.register(extension("minPinLength", true)).data.extensions["minPinLength"], 4)
		b.ok(configure(token{}, 3, dict{2: sites[1:]}))
	}},
	{230, securityKey, everyDoor, "an empty list of sites changes nothing", func(b *bench) {
		b.ok(configure(token{}, 3, dict{2: list{site}}))
		b.ok(configure(token{}, 3, dict{2: list{}}))
		b.wants("minPinLength", b.register(extension("minPinLength", true)).data.extensions["minPinLength"], 4)
	}},
	{231, securityKey, everyDoor, "a policy that the device does not have is passed over", func(b *bench) {
		b.fresh(withoutExtension("pinComplexityPolicy"))
		b.lacks(b.info(), 0x1b)
		b.ok(configure(token{}, 3, dict{4: true}))
		b.lacks(b.info(), 0x1b)
		b.setPIN("1111")
		b.tryPIN("1111", success)
	}},
	{232, bothProfiles, everyDoor, "configuring does not use a token up", func(b *bench) {
		b.ensurePIN()
		t := b.token(maySet, "")
		for range 3 {
			b.ok(configure(t, 3, dict{1: 4}))
		}
		b.ok(configure(t, 2, nil))
		b.ok(configure(t, 2, nil))
	}},
	{233, bothProfiles, everyDoor, "a proof of another protocol, or of another subcommand", func(b *bench) {
		b.ensurePIN()
		t := b.token(maySet, "")
		b.expect(invalidParameter, configure(t, 3, dict{1: 8}, set(3, 9)))
		b.expect(pinAuthInvalid, configure(t, 2, nil, set(4, t.authenticate(ones, []byte{cmdConfig, 3}))))
		b.expect(pinAuthInvalid, configure(t, 3, dict{1: 8}, set(3, 1)))
		b.expect(pinAuthInvalid, configure(t, 0xff, lock, set(4, t.authenticate(ones, []byte{cmdConfig, 0xff}))))
		b.ok(configure(t, 3, dict{}))
	}},
	{234, bothProfiles, everyDoor, "no enterprise attestation to enable", func(b *bench) {
		b.ensurePIN()
		b.expect(invalidSubcommand, configure(b.token(maySet, ""), 1, nil))
		b.wants("ep", b.option("ep"), nil)
	}},
	{235, bothProfiles, everyDoor, "the long touch can be enabled where getInfo knows of it", showLongTouch},
}

// lock is vendorPrototype's parameters that do what Lock does.
var lock = dict{1: authenticator.VendorLock}

// showLongTouch turns on the long touch for reset, which a reset turns off.
func showLongTouch(b *bench) {
	b.ensurePIN()
	b.wants("longTouchForReset", b.info()[0x18], false)
	for range 2 {
		b.ok(configure(b.token(maySet, ""), 4, nil))
		b.wants("longTouchForReset", b.info()[0x18], true)
	}
	b.restart()
	b.wants("longTouchForReset after a restart", b.info()[0x18], true)
	c := b.register(discoverable)
	b.person.hurried = true
	b.expectAsking(operationDenied, bare(cmdReset))
	b.ok(getAssertion(silent, listing(c.id)))
	b.person.hurried = false
	b.expectAsking(success, bare(cmdReset))
	b.wants("long touch asked for", b.person.last().LongTouch, true)
	b.expect(noCredentials, getAssertion(silent, listing(c.id)))
	b.wants("longTouchForReset after a reset", b.info()[0x18], false)
	b.person.hurried = true
	b.expectAsking(success, bare(cmdReset))
	b.wants("long touch asked for", b.person.last().LongTouch, false)
}

// showLock uses the device's one vendor command: tokens end, and with them what
// they began, the gate shuts, and a new token works.
func showLock(b *bench) {
	b.ensurePIN()
	t := b.token(maySet, "")
	b.expect(missingParameter, configure(t, 0xff, nil))
	b.expect(missingParameter, configure(t, 0xff, dict{}))
	b.expect(unexpectedType, configure(t, 0xff, dict{1: "lock"}))
	b.expect(invalidParameter, configure(t, 0xff, dict{1: authenticator.VendorLock + 1}))
	b.ok(configure(t, 4, nil))
	b.ok(configure(t, 0xff, lock))
	if !b.givesTokens() {
		return
	}
	b.expect(pinAuthInvalid, configure(t, 4, nil))
	b.register(discoverable)
	b.register(discoverable, as("bob"))
	t = b.token(maySet|mayManage, "")
	b.ok(manage(t, 4, siteHash))
	b.elsewhere(func() { b.ok(configure(t, 0xff, lock)) })
	b.expect(notAllowed, manage(token{}, 5, nil))
	state, err := b.config.Root.Gate().State(b.Context())
	if err != nil || state.Open {
		b.Errorf("gate after the lock: %+v, %v", state, err)
	}
	b.ok(configure(b.token(maySet, ""), 4, nil))
}
