package authenticator

import (
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// token is the pinUvAuthToken (§6.5.2.1). There is one: issuing one ends those
// of every protocol.
//
//	       beginUsing            30 s without a first use, 600 s in all,
//	ended ------------> in use -------------------------------------------> ended
//	                    |    ^   stopUsing: new PIN, reset, lock, restart
//	       a touch used |    | lbw permission alone is left; neither
//	                    v    | userVerified nor userPresent
//	                   in use, spent
type token struct {
	protocol pinuv.Protocol
	value    [32]byte
	inUse    bool
	// serial tells one token from the next, for state that a token authorised.
	serial uint64

	permissions  uint64
	rpID         string // empty: bound to no site
	userVerified bool
	userPresent  bool

	begun time.Time
	used  bool          // at least once since begun
	limit time.Duration // for the first use, and for userPresent
}

// Limits of a token in use, §6.5.2.1.
const (
	tokenLimit     = 30 * time.Second
	tokenLimitNFC  = 19800 * time.Millisecond
	tokenMaxPeriod = 600 * time.Second
)

// beginUsing puts a fresh token into use (§6.5.2.1).
func (t *token) beginUsing(now time.Time, p pinuv.Protocol, value [32]byte, transport string, userIsPresent bool) {
	serial := t.serial + 1
	*t = token{
		protocol: p, value: value, inUse: true, serial: serial,
		userVerified: true, userPresent: userIsPresent,
		begun: now, limit: tokenLimit,
	}
	if transport == "nfc" {
		t.limit = tokenLimitNFC
	}
}

// observe applies the time limits: the usage timer's observer (§6.5.2.1).
func (t *token) observe(now time.Time) {
	if !t.inUse {
		return
	}
	age := now.Sub(t.begun)
	// A clock that was set back makes every limit look far away.
	if age < 0 || age >= tokenMaxPeriod || !t.used && age >= t.limit {
		t.stopUsing()
		return
	}
	if age >= t.limit {
		t.userPresent = false
	}
}

// until gives the time left before observe can end the token.
func (t *token) until(now time.Time) time.Duration {
	end := t.begun.Add(tokenMaxPeriod)
	if !t.used {
		end = t.begun.Add(t.limit)
	}
	return end.Sub(now)
}

// stopUsing puts everything back to its initial state and wipes the token.
func (t *token) stopUsing() { *t = token{serial: t.serial} }

// spend takes back what one touch pays for (§6.1.2 step 14, §6.2.2 step 9).
func (t *token) spend() {
	t.userPresent, t.userVerified = false, false
	t.permissions &= ctap.PermissionLBW
}

// verify reports whether sig authenticates msg under the token: ErrPINAuthInvalid
// otherwise, and where the token is not in use.
func (t *token) verify(p pinuv.Protocol, sig []byte, msg ...[]byte) error {
	if !t.inUse || t.protocol != p || !pinuv.Verify(p, t.value[:], sig, msg...) {
		return ctap.ErrPINAuthInvalid
	}
	t.used = true
	return nil
}

// require reports whether the token has a permission: ErrPINAuthInvalid otherwise.
func (t *token) require(permission uint64) error {
	if !t.inUse || t.permissions&permission == 0 {
		return ctap.ErrPINAuthInvalid
	}
	return nil
}

// bind ties the token to a site, or confirms that it is: ErrPINAuthInvalid
// where it is tied to another.
func (t *token) bind(rpID string) error {
	if t.rpID == "" {
		t.rpID = rpID
	}
	if t.rpID != rpID {
		return ctap.ErrPINAuthInvalid
	}
	return nil
}
