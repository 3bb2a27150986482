package authenticator

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// Operation is what a person is asked to agree to.
type Operation int

const (
	// Register makes a new passkey.
	Register Operation = iota + 1
	// SignIn uses a passkey.
	SignIn
	// Select only chooses this device among several (§6.9).
	Select
	// Reset erases every passkey and the PIN (§6.6).
	Reset
	// Grant lets the client act for the person by PIN or verification (§6.5.5.7).
	Grant
)

// String gives the operation in a word or two.
func (o Operation) String() string {
	switch o {
	case Register:
		return "register"
	case SignIn:
		return "sign in"
	case Select:
		return "select"
	case Reset:
		return "reset"
	case Grant:
		return "grant"
	}
	return "unknown"
}

// Account is a user account at a relying party, as a person knows it.
type Account struct {
	ID                []byte
	Name, DisplayName string
}

// A Prompt is one question to the person. It says all that is known of who asks
// for what: nobody should be made to agree to less.
type Prompt struct {
	Operation Operation
	// RPID is the site; empty where the operation has none, or where the
	// client speaks U2F and only RPIDHash is known.
	RPID, RPName string
	RPIDHash     [32]byte
	// Permissions is what a Grant lets the client do: ctap.PermissionMC and its
	// like, joined.
	Permissions uint64
	// Accounts holds the account to register, or those that may sign in. Where
	// there are several, Consent.Choice picks one.
	Accounts []Account
	// LongTouch asks for more than a touch: for one that is held for five
	// seconds (§6.6), or what is as hard to do by mistake.
	LongTouch bool
	// Session's door, and its peer where the door knows it.
	Transport string
	Peer      *ctap.Peer
	// Verify is set when the person has to be verified, not only present: it
	// checks a PIN, given in UTF-8, and opens the gate. A wrong one spends a
	// try of the only counter there is: keystore.ErrWrongPIN, with the tries
	// left in Retries of the next Prompt; ctap.ErrPINAuthBlocked or
	// keystore.ErrPINBlocked where no further try is allowed.
	Verify func(ctx context.Context, pin []byte) error
	// Retries is the number of PIN tries left, where Verify is set.
	Retries int
}

// Consent is what the person did, never what was asked for.
type Consent struct {
	// Present: a person agreed to this very Prompt.
	Present bool
	// Verified: and proved, within this Prompt, to be the device's owner.
	Verified bool
	// LongTouch: and did so in the way that Prompt.LongTouch asks for. A User
	// that knows of no such way leaves it false, which refuses.
	LongTouch bool
	// Choice is the index of the chosen account in Prompt.Accounts.
	Choice int
}

// A User asks the person. Ask returns when the person has answered or ctx ends,
// whichever is first; a refusal is a Consent without Present and no error. An
// error, other than ctx's own, says that nobody could be asked. The engine asks
// one question at a time.
type User interface {
	Ask(ctx context.Context, p Prompt) (Consent, error)
}

// A Verifier is a User that can also verify the person: built-in user
// verification (§6.5.1) follows from it. Verification counts once a PIN is set.
type Verifier interface {
	User
	CanVerify() bool
}
