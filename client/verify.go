package client

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/seed-77d61853/signet/ctap"
)

// PINReason is why a PIN is asked for.
type PINReason int

const (
	// EnterPIN asks for the device's PIN.
	EnterPIN PINReason = iota + 1
	// SetPIN asks for a PIN to set on a device that has none.
	SetPIN
	// ChangePIN asks for a new PIN: the device wants the one just entered
	// replaced.
	ChangePIN
)

// PINRequest says which PIN the person is asked for.
type PINRequest struct {
	Reason    PINReason
	RPID      string
	Retries   int   // tries left, with EnterPIN
	MinLength int   // code points, with SetPIN and ChangePIN
	Err       error // what was wrong with the PIN given before, or nil
}

// uvTries is how often built-in verification is tried before the PIN where the
// device names no number of its own.
const uvTries = 3

// canVerify reports whether the person can be verified now: built-in
// verification is set up, or a PIN is that may be used for this.
func (y *ceremony) canVerify() bool { return y.info.Options["uv"] || y.pinUsable() }

// canAsk reports whether somebody is there to answer for a verification that
// nothing requires.
func (y *ceremony) canAsk() bool { return y.info.Options["uv"] || y.client.PIN != nil }

// pinUsable reports whether a PIN is set and gives permission for ceremonies.
func (y *ceremony) pinUsable() bool {
	return y.info.Options["clientPin"] && !y.info.Options["noMcGaPermissionsWithClientPin"]
}

// pinSettable reports whether verification lacks only that a PIN be set.
func (y *ceremony) pinSettable() bool {
	set, supported := y.info.Options["clientPin"]
	return supported && !set && !y.info.Options["noMcGaPermissionsWithClientPin"]
}

// protected reports whether the device has any verification set up.
func (y *ceremony) protected() bool { return y.info.Options["uv"] || y.info.Options["clientPin"] }

// verify has the person verified, and leaves the outcome in the ceremony:
//
//	built-in uv, tokens known ── refused ──► NotAllowedError
//	        │ failed or blocked
//	        ▼
//	PIN ── wrong ──► PIN again, until right or blocked
//	        │ device wants another PIN
//	        ▼
//	new PIN ──► token
func (y *ceremony) verify(ctx context.Context, permissions uint64) error {
	if !y.canVerify() && y.pinSettable() {
		if err := y.setPIN(ctx); err != nil {
			return err
		}
	}
	if !y.canVerify() {
		return fail(ConstraintError, "the authenticator cannot verify the person")
	}
	if y.info.Options["uv"] {
		if !y.info.Options["pinUvAuthToken"] {
			y.uvOption = true
			return nil
		}
		err := y.verifyBuiltIn(ctx, permissions)
		if err == nil || !y.pinUsable() || !fallsBack(err) {
			return err
		}
	}
	return y.verifyPIN(ctx, permissions)
}

// fallsBack reports whether the PIN may stand in after a failure of built-in
// verification.
func fallsBack(err error) bool {
	switch ctap.StatusOf(err) {
	case ctap.ErrUVBlocked, ctap.ErrUVInvalid, ctap.ErrNotAllowed, ctap.ErrPUATRequired:
		return true
	}
	return false
}

func (y *ceremony) verifyBuiltIn(ctx context.Context, permissions uint64) error {
	tries := y.info.PreferredPlatformUvAttempts
	if tries == 0 {
		tries = uvTries
	}
	for {
		tries--
		token, err := y.authenticator.TokenByUV(ctx, Protocol(y.info), permissions, y.rpID)
		if err == nil {
			y.token = token
			return nil
		}
		if tries == 0 || !errors.Is(err, ctap.ErrUVInvalid) {
			return err
		}
		if left, retriesErr := y.authenticator.UVRetries(ctx); retriesErr != nil || left == 0 {
			return err
		}
	}
}

func (y *ceremony) verifyPIN(ctx context.Context, permissions uint64) error {
	var wrong error
	for {
		retries, powerCycle, err := y.authenticator.PINRetries(ctx)
		switch {
		case err != nil:
			return err
		case powerCycle:
			return fmt.Errorf("PIN: %w", ctap.ErrPINAuthBlocked)
		case retries == 0:
			return fmt.Errorf("PIN: %w", ctap.ErrPINBlocked)
		}
		pin, err := y.askPIN(ctx, PINRequest{Reason: EnterPIN, Retries: retries, Err: wrong})
		if err != nil {
			return err
		}
		err = y.tokenByPIN(ctx, pin, permissions)
		clear(pin)
		if !errors.Is(err, ctap.ErrPINInvalid) {
			return err
		}
		wrong = err
	}
}

// tokenByPIN gets the token, after a change of PIN where the device insists.
func (y *ceremony) tokenByPIN(ctx context.Context, pin []byte, permissions uint64) error {
	if y.info.ForcePINChange {
		changed, err := y.changePIN(ctx, pin)
		if err != nil {
			return err
		}
		defer clear(changed)
		pin = changed
	}
	var err error
	if y.info.Options["pinUvAuthToken"] {
		y.token, err = y.authenticator.TokenByPIN(ctx, Protocol(y.info), pin, permissions, y.rpID)
	} else {
		y.token, err = y.authenticator.LegacyToken(ctx, Protocol(y.info), pin)
	}
	return err
}

// changePIN has the person choose a new PIN, which it returns.
func (y *ceremony) changePIN(ctx context.Context, old []byte) ([]byte, error) {
	pin, err := y.choosePIN(ctx, ChangePIN, func(pin []byte) error {
		return y.authenticator.ChangePIN(ctx, Protocol(y.info), old, pin)
	})
	if err == nil {
		y.info.ForcePINChange = false
	}
	return pin, err
}

// setPIN has the person choose the device's first PIN.
func (y *ceremony) setPIN(ctx context.Context) error {
	if y.client.PIN == nil {
		return fail(ConstraintError, "the authenticator cannot verify the person: no PIN is set")
	}
	pin, err := y.choosePIN(ctx, SetPIN, func(pin []byte) error {
		return y.authenticator.SetPIN(ctx, Protocol(y.info), pin)
	})
	clear(pin)
	if err != nil {
		return err
	}
	y.info, err = y.authenticator.GetInfo(ctx)
	return err
}

// policyTries bounds how often a person is asked for another PIN because the
// last one broke the device's rules.
const policyTries = 8

func (y *ceremony) choosePIN(ctx context.Context, reason PINReason, apply func(pin []byte) error) ([]byte, error) {
	var wrong error
	for range policyTries {
		pin, err := y.askPIN(ctx, PINRequest{Reason: reason, MinLength: y.minPINLength(), Err: wrong})
		if err != nil {
			return nil, err
		}
		if err = apply(pin); err == nil {
			return pin, nil
		}
		clear(pin)
		if !errors.Is(err, ctap.ErrPINPolicyViolation) {
			return nil, err
		}
		wrong = err
	}
	return nil, wrong
}

func (y *ceremony) minPINLength() int {
	if y.info.MinPINLength == 0 {
		return 4
	}
	return int(y.info.MinPINLength)
}

// askPIN gets a PIN from the person, in normalization form C (§6.5.1).
func (y *ceremony) askPIN(ctx context.Context, r PINRequest) ([]byte, error) {
	if y.client.PIN == nil {
		return nil, fail(NotAllowedError, "a PIN is needed and nobody can be asked for it")
	}
	r.RPID = y.rpID
	pin, err := y.client.PIN(ctx, r)
	if ctxErr := over(ctx); ctxErr != nil {
		clear(pin)
		return nil, ctxErr
	}
	if err != nil {
		clear(pin)
		return nil, &Error{NotAllowedError, "no PIN was given", err}
	}
	if len(pin) == 0 {
		return nil, fail(NotAllowedError, "no PIN was given") // and no try is spent on it
	}
	if norm.NFC.IsNormal(pin) {
		return pin, nil
	}
	composed := norm.NFC.Bytes(pin)
	clear(pin)
	return composed, nil
}
