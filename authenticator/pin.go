package authenticator

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
)

// pinState is what the device remembers of PIN tries since it started; the
// number of tries left is the gate's, and durable (§6.5.2.2, §6.5.2.3).
//
//	         wrong               wrong               wrong
//	0 misses -----> 1 miss ------------> 2 misses -----------> latched
//	   ^               |                    |                     |
//	   +---- right ----+------- right ------+- restart or Unlock -+
//	each wrong try also costs one of the gate's eight; at none: blocked until reset
type pinState struct {
	misses int
	// uvCount is getInfo's uvCountSinceLastPinEntry.
	uvCount uint64
}

func (p *pinState) latched() bool { return p.misses >= ctap.MaxPINMismatches }

// tryPIN judges a PIN, given as its hash, and opens the gate. The gate spends
// the try durably before it compares. Anything but 16 bytes is a wrong PIN.
func (a *Authenticator) tryPIN(ctx context.Context, pinHash []byte) error {
	if err := a.pinUsable(ctx); err != nil {
		return err
	}
	err := a.gate.Open(ctx, pinHash)
	if err == nil {
		a.opened = true
		a.pin.misses = 0
		return a.settlePINIntent(ctx, pinHash)
	}
	if !errors.Is(err, keystore.ErrWrongPIN) && !errors.Is(err, keystore.ErrPINBlocked) {
		return fmt.Errorf("open PIN gate: %w", err)
	}
	a.keyAgreements = nil
	a.pin.misses++
	a.warnOfWrongPIN(ctx)
	switch {
	case errors.Is(err, keystore.ErrPINBlocked):
		return fmt.Errorf("%w: %w", ctap.ErrPINBlocked, err)
	case a.pin.latched():
		return fmt.Errorf("%w: %w", ctap.ErrPINAuthBlocked, err)
	}
	return fmt.Errorf("%w: %w", ctap.ErrPINInvalid, err)
}

// FewRetries is the number of PIN tries left at which a person is warned.
const FewRetries = 3

// warnOfWrongPIN tells the log, whichever client spent the try.
func (a *Authenticator) warnOfWrongPIN(ctx context.Context) {
	state, err := a.gate.State(ctx)
	switch {
	case err != nil:
	case state.Retries == 0:
		a.log.Warn("the PIN is blocked: only a reset helps, and it erases every passkey")
	case state.Retries <= FewRetries:
		a.log.Warn("wrong PIN: when no try is left only a reset helps, and it erases every passkey", "tries left", state.Retries)
	default:
		a.log.Info("wrong PIN", "tries left", state.Retries)
	}
	if err == nil && state.Retries > 0 && a.pin.latched() {
		a.log.Warn("three wrong PINs in a row: no PIN is taken until the device is started again or its owner unlocks it")
	}
}

// pinUsable reports why no PIN can be tried now, if so.
func (a *Authenticator) pinUsable(ctx context.Context) error {
	state, err := a.gate.State(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read PIN state: %w", err)
	case !state.Set:
		return ctap.ErrPINNotSet
	case state.Retries == 0:
		return ctap.ErrPINBlocked
	case a.pin.latched():
		return ctap.ErrPINAuthBlocked
	}
	return nil
}

// newPIN is a PIN that has passed the device's rules (§6.5.5.5).
type newPIN struct {
	hash       [16]byte
	codePoints uint64
	complex    bool
}

func (n *newPIN) wipe() { clear(n.hash[:]) }

// checkNewPIN decrypts and judges newPinEnc: its padding, its length in code
// points, and the complexity policy where that is on. The caller wipes what it
// returns.
func (a *Authenticator) checkNewPIN(s *pinuv.SharedSecret, newPINEnc []byte) (*newPIN, error) {
	padded, err := s.Decrypt(newPINEnc)
	if err != nil {
		return nil, fmt.Errorf("%w: newPinEnc: %w", ctap.ErrPINAuthInvalid, err)
	}
	defer clear(padded)
	pin, err := pinuv.UnpadPIN(padded)
	if err != nil {
		return nil, err
	}
	return a.judgeNewPIN(pin)
}

// judgeNewPIN applies the device's rules to a PIN in UTF-8. The caller wipes what
// it returns.
func (a *Authenticator) judgeNewPIN(pin []byte) (*newPIN, error) {
	n := &newPIN{codePoints: uint64(utf8.RuneCount(pin)), complex: isComplex(pin)}
	if len(pin) > ctap.MaxPINBytes || n.codePoints < a.state.MinPINLength || a.state.PINComplexity && !n.complex {
		return nil, ctap.ErrPINPolicyViolation
	}
	n.hash = pinuv.HashPIN(pin)
	return n, nil
}

// isComplex is the PIN complexity policy (§7.4.1 leaves it to the device): at
// least three different characters, and not one run such as 1234 or 9753.
func isComplex(pin []byte) bool {
	different := map[rune]bool{}
	var previous, step rune
	run := true
	for i, r := range []rune(string(pin)) {
		different[r] = true
		switch i {
		case 0:
		case 1:
			step = r - previous
		default:
			run = run && r-previous == step
		}
		previous = r
	}
	return len(different) >= 3 && !run
}

// A pinIntent says in the vault what a new PIN brings with it, before the gate
// takes the PIN: after a crash between the two, Proof tells whether it did.
type pinIntent struct {
	// Proof is derived from the new PIN's hash behind the gate; nil for a
	// first PIN, where the gate's own state tells.
	Proof      []byte `cbor:"1,keyasint,omitempty"`
	CodePoints uint64 `cbor:"2,keyasint"`
	Complex    bool   `cbor:"3,keyasint"`
}

// storePIN makes pin the PIN. The vault learns of it first and last, and the
// gate, whose step is atomic, between. The persistent token dies before the
// new PIN lives; the others end with it, and so do owners.
func (a *Authenticator) storePIN(ctx context.Context, pin *newPIN) error {
	intent := &pinIntent{CodePoints: pin.codePoints, Complex: pin.complex}
	if a.pinSet {
		proof, err := a.pinProof(ctx, pin.hash[:])
		if err != nil {
			return err
		}
		intent.Proof = proof
	}
	if err := a.change(ctx, func(s *state) {
		s.PINIntent = intent
		s.PersistentToken = a.random.bytes32("persistent token")
	}); err != nil {
		return err
	}
	a.endTokens()
	a.pins++
	if err := a.gate.SetPIN(ctx, pin.hash[:]); err != nil {
		a.pinSet = a.pinSet || a.mayHavePIN(ctx)
		return fmt.Errorf("set PIN: %w", err)
	}
	a.pinSet = true
	return a.change(ctx, func(s *state) { s.takePIN() })
}

// mayHavePIN tells whether the gate may have taken a first PIN that it failed to
// set: the failure can be that of its answer.
func (a *Authenticator) mayHavePIN(ctx context.Context) bool {
	state, err := a.gate.State(context.WithoutCancel(ctx))
	return err != nil || state.Set
}

// pinProof marks a PIN so that only who knows it, and has the gate open, can
// make the same mark.
func (a *Authenticator) pinProof(ctx context.Context, pinHash []byte) ([]byte, error) {
	proof, err := a.root.Derive(ctx, "PIN intent", pinHash, keystore.Gated)
	if err != nil {
		return nil, fmt.Errorf("derive PIN intent: %w", err)
	}
	return proof[:], nil
}

// settlePINIntent finds out, by the PIN that has just opened the gate, whether
// a PIN change that was cut off had happened.
func (a *Authenticator) settlePINIntent(ctx context.Context, pinHash []byte) error {
	intent := a.state.PINIntent
	if intent == nil {
		return nil
	}
	proof, err := a.pinProof(ctx, pinHash)
	if err != nil {
		return err
	}
	// A first PIN has no proof, and needs none: the gate has just taken it.
	happened := intent.Proof == nil || constantTimeEqual(proof, intent.Proof)
	return a.change(ctx, func(s *state) {
		if happened {
			s.takePIN()
		}
		s.PINIntent = nil
	})
}
