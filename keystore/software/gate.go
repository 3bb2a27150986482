package software

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
)

// gate is the root's keystore.Gate.
//
//	no PIN, shut --SetPIN--> PIN, shut --right PIN--> PIN, open
//	PIN, shut --wrong PIN--> one try less ... no try left: blocked
//	PIN, open --Shut--> PIN, shut        PIN, open --SetPIN--> new PIN, open
//	any --Reset--> no PIN, shut
//
// Each arrow but Shut is one durable write; a try takes one before it is
// judged, and one more if it was right.
type gate Root

const pinHashSize = 16

// State implements keystore.Gate.
func (g *gate) State(ctx context.Context) (keystore.GateState, error) {
	r := (*Root)(g)
	r.mu.RLock()
	defer r.mu.RUnlock()
	err := ctx.Err()
	if r.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		return keystore.GateState{}, fmt.Errorf("read gate: %w", err)
	}
	return keystore.GateState{
		Set:     r.state.Gate.Set,
		Open:    r.rings[keystore.Gated] != nil,
		Retries: r.state.Gate.Retries,
	}, nil
}

// SetPIN implements keystore.Gate.
func (g *gate) SetPIN(ctx context.Context, pinHash []byte) error {
	r := (*Root)(g)
	if len(pinHash) != pinHashSize {
		return fmt.Errorf("set PIN: pinHash of %d bytes", len(pinHash))
	}
	if err := r.take(ctx); err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}
	defer r.giveUp()
	secret, err := r.gateSecret()
	if err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}
	defer secret.Wipe()
	if r.state.Gate.Retries <= 0 {
		return fmt.Errorf("set PIN: %w", keystore.ErrPINBlocked)
	}
	private, err := gateKey(secret)
	if err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}

	draft := r.draft()
	defer draft.Free()
	next := draft.Value()
	next.Gate = gateRecord{Set: true, Retries: ctap.MaxPINRetries, KDF: r.kdf}
	rand.Read(next.Gate.Salt[:])
	copy(next.Gate.Public[:], private.PublicKey().Bytes())
	stretched := next.Gate.stretch(pinHash)
	defer stretched.Wipe()
	next.wrap(secret, stretched)
	if err := r.commit(next); err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}
	return nil
}

// Open implements keystore.Gate.
func (g *gate) Open(ctx context.Context, pinHash []byte) error {
	r := (*Root)(g)
	if err := r.take(ctx); err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	defer r.giveUp()
	if !r.state.Gate.Set {
		return fmt.Errorf("open gate: %w", keystore.ErrNoPIN)
	}
	if r.state.Gate.Retries <= 0 {
		return fmt.Errorf("open gate: %w", keystore.ErrPINBlocked)
	}
	draft := r.draft()
	defer draft.Free()
	next := draft.Value()
	next.Gate.Retries--
	// A try that cannot be written down is not judged, so it gives nothing away
	// and costs nothing: a full disk must not look like a blocked PIN.
	if err := r.save(next); err != nil {
		return fmt.Errorf("open gate: spend a try: %w", err)
	}
	r.mu.Lock()
	r.state.Gate.Retries--
	r.mu.Unlock()

	secret, err := r.judge(pinHash)
	if err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	next.Gate.Retries = ctap.MaxPINRetries
	if err := r.commit(next); err != nil {
		secret.Wipe()
		return fmt.Errorf("open gate: give the tries back: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlock(secret)
	return nil
}

// unlock opens the gate with its secret, which it takes over. r.mu is held.
func (r *Root) unlock(secret *keystore.Secret) {
	defer secret.Wipe()
	if r.rings[keystore.Gated] == nil {
		locked := arena.New[keystore.Secret]()
		*locked.Value() = *secret
		r.rings[keystore.Gated] = &ring{secret: locked.Value(), locked: locked}
	}
}

// judge returns the gate secret if the PIN is right.
func (r *Root) judge(pinHash []byte) (*keystore.Secret, error) {
	stretched := r.state.Gate.stretch(pinHash)
	defer stretched.Wipe()
	secret, err := r.state.unwrap(stretched)
	if err == nil && len(pinHash) == pinHashSize {
		return secret, nil
	}
	if r.state.Gate.Retries == 0 {
		return nil, fmt.Errorf("wrong PIN: %w", keystore.ErrPINBlocked)
	}
	return nil, keystore.ErrWrongPIN
}

// Shut implements keystore.Gate.
func (g *gate) Shut() {
	r := (*Root)(g)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.shut(keystore.ErrGateShut)
	}
}

// shut forgets the gate secret and kills the Gated keys. r.mu is held.
func (r *Root) shut(why error) {
	r.gated.end(why)
	r.gated = new(life)
	if ring := r.rings[keystore.Gated]; ring != nil {
		ring.end(why)
		ring.locked.Free()
		r.rings[keystore.Gated] = nil
	}
}

// draft returns a copy of the state, to be changed and committed. The turn is
// held.
func (r *Root) draft() *arena.Box[State] {
	b := arena.New[State]()
	*b.Value() = *r.state
	return b
}

// commit saves the next state and makes it the present one. The turn is held.
func (r *Root) commit(next *State) error {
	if err := r.save(next); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.state = *next
	return nil
}

// gateSecret returns a copy of the gate secret, which is at hand while the gate
// is open or has no PIN yet. The turn is held.
func (r *Root) gateSecret() (*keystore.Secret, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if ring := r.rings[keystore.Gated]; ring != nil {
		secret := *ring.secret
		return &secret, nil
	}
	if r.state.Gate.Set {
		return nil, keystore.ErrGateShut
	}
	secret, err := r.state.unwrap(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", keystore.ErrCorrupt, err)
	}
	return secret, nil
}

// gatePublic returns the gate's public key, to which Gated things are sealed.
// r.mu is held for reading.
func (r *Root) gatePublic() (hpke.PublicKey, error) {
	r.publicMu.Lock()
	defer r.publicMu.Unlock()
	if r.public != nil {
		return r.public, nil
	}
	if r.state.Gate.Set {
		kem, _, _ := hpkeSuite()
		public, err := kem.NewPublicKey(r.state.Gate.Public[:])
		if err != nil {
			return nil, fmt.Errorf("gate's public key: %w: %w", keystore.ErrCorrupt, err)
		}
		r.public = public
		return public, nil
	}
	secret, err := r.state.unwrap(nil)
	if err != nil {
		return nil, fmt.Errorf("gate's public key: %w: %w", keystore.ErrCorrupt, err)
	}
	defer secret.Wipe()
	private, err := gateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("gate's public key: %w", err)
	}
	r.public = private.PublicKey()
	return r.public, nil
}
