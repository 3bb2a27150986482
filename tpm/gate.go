package tpm

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// gate is the root's keystore.Gate: the chip counts the tries, and gives out
// the gate secret for the PIN.
//
//	no PIN --ChangeAuth of tries--> PIN, no mark --WriteLock of secret--> PIN
//	PIN --right PIN--> all tries again      PIN --wrong PIN--> one try less
//	PIN --ChangeAuth of tries--> new PIN    no try left --Reset--> no PIN
//
// Each arrow is one command of the chip, so a power cut leaves one side or the
// other. The mark that a PIN is set can be read by everyone; only where the
// power went between the first two arrows it is missing, and the next right PIN
// writes it.
type gate struct {
	root *Root

	// All the worker's.
	policies *policies
	secret   index // as it is now
	owned    bool  // the owner has a password
	looked   bool  // set is known
	set      bool
	estimate int // of the tries left, where the chip does not let them be read
}

const pinHashSize = 16

// use makes the gate the one of a record. It runs on the worker, or before it.
func (g *gate) use(rec *gateRecord, freeRead bool) error {
	p, err := newPolicies(rec, freeRead)
	if err != nil {
		return err
	}
	g.policies, g.secret = p, p.secret.written()
	g.looked, g.set, g.estimate = false, false, ctap.MaxPINRetries
	return nil
}

// What an authorization value of tries is made of: a PIN, or none yet.
const (
	ofPIN = "PIN"
	noPIN = "no PIN yet"
)

// auth makes the authorization value of tries that belongs to a PIN, or to none
// yet. It takes the device secret: who has the PIN and the chip alone has not
// the gate.
func (p *policies) auth(device *keystore.Secret, label string, pinHash []byte) []byte {
	b := mac(device, label, p.tries.written().name().Buffer, pinHash)
	defer clear(b)
	return textAuth(b)
}

func (g *gate) auth(label string, pinHash []byte) []byte {
	return g.policies.auth(g.root.device, label, pinHash)
}

// State implements keystore.Gate. The count of tries is read from the chip each
// time, for others who have file and chip can spend some; where the chip does
// not let it be read without the owner password it is an estimate, too high
// rather than too low. That a PIN is set is remembered: once it is, only a Reset
// of this root, or the loss of the gate, changes that.
func (g *gate) State(ctx context.Context) (keystore.GateState, error) {
	state, err := g.root.rings.Gate().State(ctx)
	if err != nil {
		return keystore.GateState{}, err
	}
	open := state.Open
	state, err = do(ctx, g.root.chip, func(t transport.TPM) (keystore.GateState, error) {
		if err := g.look(t); err != nil {
			return keystore.GateState{}, err
		}
		left, err := g.left(t)
		return keystore.GateState{Set: g.set, Open: open, Retries: left}, err
	}, nil)
	if errors.Is(err, ErrIndexMissing) || errors.Is(err, ErrIndexForeign) {
		err = fmt.Errorf("%w: %w", keystore.ErrGateLost, err)
	}
	if err != nil {
		return keystore.GateState{}, fmt.Errorf("read gate: %w", err)
	}
	return state, nil
}

// look finds out whether a PIN is set: ErrIndexMissing, ErrIndexForeign.
func (g *gate) look(t transport.TPM) error {
	if g.root.rec.Stage != ready {
		return errors.New("a reset of the TPM root was cut short: reset again")
	}
	if g.looked {
		return nil
	}
	h := g.secret.handle()
	there, err := readIndex(t, h)
	if err != nil {
		return err
	}
	written := g.policies.secret.written()
	set := false
	switch {
	case there == nil:
		return fmt.Errorf("index %#x: %w", uint32(h), ErrIndexMissing)
	case there.is(written.locked()):
		set = true
	case there.is(written):
		if set, err = g.unmarked(t, *there); err != nil {
			return err
		}
	default:
		return fmt.Errorf("index %#x: %w", uint32(h), ErrIndexForeign)
	}
	g.secret = *there
	g.looked, g.set = true, set
	return nil
}

// Open implements keystore.Gate.
func (g *gate) Open(ctx context.Context, pinHash []byte) error {
	secret, err := do(ctx, g.root.chip, func(t transport.TPM) (*keystore.Secret, error) {
		if err := g.look(t); err != nil {
			return nil, err
		}
		if !g.set {
			return nil, keystore.ErrNoPIN
		}
		auth := g.auth(ofPIN, pinHash)
		defer clear(auth)
		secret, err := g.try(t, auth)
		if err == nil && !g.secret.public.Attributes.WriteLocked {
			g.mark(t, auth)
		}
		return secret, err
	}, (*keystore.Secret).Wipe)
	if err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	return g.root.rings.OpenGate(secret)
}

// try proves an authorization value of tries to the chip and reads the gate
// secret: keystore.ErrWrongPIN and keystore.ErrPINBlocked are its judgement.
func (g *gate) try(t transport.TPM, auth []byte) (*keystore.Secret, error) {
	if err := g.root.parent.check(t); err != nil {
		return nil, err
	}
	r, err := tpm2.NVRead{
		AuthHandle: g.secret.by(g.root.parent.policy(g.policies.proving(g.root.parent, auth), opening())),
		NVIndex:    g.secret.named(),
		Size:       32,
	}.Execute(t)
	switch {
	case errors.Is(err, keystore.ErrPINBlocked):
		g.estimate = 0
		return nil, err
	case errors.Is(err, keystore.ErrWrongPIN):
		g.estimate = max(g.estimate-1, 1)
		if left, err := g.left(t); err == nil && left == 0 {
			return nil, fmt.Errorf("wrong PIN: %w", keystore.ErrPINBlocked)
		}
		return nil, err
	case err != nil:
		return nil, g.diagnose(t, err)
	}
	defer clear(r.Data.Buffer)
	if len(r.Data.Buffer) != 32 {
		return nil, fmt.Errorf("gate secret of %d bytes: %w", len(r.Data.Buffer), ErrIndexForeign)
	}
	secret := new(keystore.Secret)
	copy(secret[:], r.Data.Buffer)
	if !hmac.Equal(check(secret), g.root.rec.Gate.Check) {
		secret.Wipe()
		return nil, fmt.Errorf("gate secret: %w", ErrIndexForeign)
	}
	g.estimate = ctap.MaxPINRetries
	return secret, nil
}

// diagnose says what an error of the gate's indices comes from.
func (g *gate) diagnose(t transport.TPM, err error) error {
	if lost(err) {
		return err
	}
	g.looked = false
	return errors.Join(g.policies.tries.written().check(t), g.secret.check(t), err)
}

// SetPIN implements keystore.Gate.
func (g *gate) SetPIN(ctx context.Context, pinHash []byte) error {
	if len(pinHash) != pinHashSize {
		return fmt.Errorf("set PIN: pinHash of %d bytes", len(pinHash))
	}
	err := g.root.chip.run(ctx, func(t transport.TPM) error {
		if err := g.look(t); err != nil {
			return err
		}
		auth := g.auth(ofPIN, pinHash)
		defer clear(auth)
		if !g.set {
			return g.first(t, auth)
		}
		secret, err := g.root.rings.GateSecret()
		if err != nil {
			return err
		}
		defer secret.Wipe()
		if err := g.root.parent.check(t); err != nil {
			return err
		}
		if err := g.change(t, secret, auth); err != nil {
			return err
		}
		return g.refill(t, auth)
	})
	if err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}
	return nil
}

// first sets the first PIN.
func (g *gate) first(t transport.TPM, auth []byte) error {
	none := g.auth(noPIN, nil)
	defer clear(none)
	secret, err := g.try(t, none)
	if errors.Is(err, keystore.ErrWrongPIN) {
		// The power went before the mark was written.
		g.set = true
		return keystore.ErrGateShut
	}
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if err := g.root.beginFirst(); err != nil {
		return err
	}
	if err := g.change(t, secret, auth); err != nil {
		g.looked = false
		return err
	}
	g.set = true
	g.mark(t, auth)
	return nil
}

// change gives tries another authorization value, in one command.
func (g *gate) change(t transport.TPM, secret *keystore.Secret, auth []byte) error {
	k, err := authKey(secret)
	if err != nil {
		return err
	}
	h, err := g.policies.loadKey(t)
	if err != nil {
		return fmt.Errorf("load the gate's key: %w", err)
	}
	defer flush(t, h)
	p := g.root.parent
	err = changeAuth(t, g.policies.tries.written(), auth,
		p.policy(g.policies.signing(k, h, tpm2.TPMCCNVChangeAuth)), p.hmac(nil, sealing()))
	if err != nil {
		return g.diagnose(t, err)
	}
	return nil
}

// mark writes down for everyone to read that a PIN is set. Without it the PIN
// is as good; the next right one tries again.
func (g *gate) mark(t transport.TPM, auth []byte) {
	p := g.root.parent
	_, err := tpm2.NVWriteLock{
		AuthHandle: g.secret.by(p.policy(g.policies.proving(p, auth))),
		NVIndex:    g.secret.named(),
	}.Execute(t)
	if err != nil {
		return
	}
	g.secret = g.secret.locked()
	g.root.endFirst()
}

// refill proves a new PIN once, which gives all tries back:
// keystore.ErrPINBlocked where none was left, and then no PIN is of use any
// more, neither the new one nor the old. Where it fails otherwise the next right
// PIN does it.
func (g *gate) refill(t transport.TPM, auth []byte) error {
	p := g.root.parent
	err := p.satisfy(t, g.policies.proving(p, auth))
	switch {
	case err == nil:
		g.estimate = ctap.MaxPINRetries
	case errors.Is(err, keystore.ErrPINBlocked):
		g.estimate = 0
		return err
	}
	return nil
}

// Shut implements keystore.Gate.
func (g *gate) Shut() {
	g.root.rings.Gate().Shut()
	g.root.kill(keystore.Gated, keystore.ErrGateShut)
}
