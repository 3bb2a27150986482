package rptest

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

// A person who is to pick an account that the device does not list refuses, which is
// all that the device tells its client. The error tells why.
func TestPickOfNobody(t *testing.T) {
	refused := &client.Error{Name: client.NotAllowedError, Message: "the person refused", Err: ctap.ErrOperationDenied}
	elsewhere := &client.Error{Name: client.NotAllowedError, Message: "nobody answered in time", Err: ctap.ErrUserActionTimeout}
	alice, nameless := authenticator.Account{ID: []byte{1}, Name: "alice"}, authenticator.Account{ID: []byte("bob")}
	for _, test := range []struct {
		pick    string
		offered []authenticator.Account
		failed  error
		says    string
	}{
		{"nobody", []authenticator.Account{alice, nameless}, refused, `NotAllowedError: no account "nobody" is offered, but "alice", "Ym9i": ` + ctap.ErrOperationDenied.Error()},
		{"nobody", nil, refused, `NotAllowedError: no account "nobody" is offered, nor any other: ` + ctap.ErrOperationDenied.Error()},
		{"nobody", []authenticator.Account{alice}, elsewhere, elsewhere.Error()},
		{"alice", []authenticator.Account{alice}, refused, refused.Error()},
	} {
		b := &Behaviour{Pick: test.pick}
		ctx := context.WithValue(t.Context(), behaviourKey{}, b)
		_, err := person{display: true}.Ask(ctx, authenticator.Prompt{Operation: authenticator.SignIn, Accounts: test.offered})
		if told := b.told(test.failed); (err != nil) != (test.pick == "nobody") || told.Error() != test.says || !errors.Is(told, errors.Unwrap(test.failed)) {
			t.Errorf("%s: %v, %v", test.pick, err, told)
		}
	}
}
