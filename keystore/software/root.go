// Package software is a root without a chip: its keys are in this process's
// memory while they are open, and at rest inside their handles, sealed under
// two secrets and the PIN. What it remembers is one small State, which the
// roots built on it keep: in a sealed file, in the OS keyring, nowhere. Bare, for
// devices of tests, is a root that seals nothing.
//
//	Installation secret ── seals, derives ── Installation
//	device secret ──────── seals, derives ── Ungated, and the wrapping of Gated
//	      └ + PIN ── unwraps ── gate secret ── opens ── Gated
package software

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
)

var errDestroyed = fmt.Errorf("destroyed by a reset: %w", fs.ErrNotExist)

// Options say how a root behaves.
type Options struct {
	// Save stores a state durably and atomically; the state is the caller's
	// again once it returns. Nil: the state lives in memory only.
	Save func(*State) error
	// KDF stretches PINs that are set from now on.
	KDF KDF
	// Seed makes every key a function of seed, algorithm, binding and how many
	// were made before with that binding, and ECDSA signatures deterministic.
	// Nil: keys are random. Handles and sealed values are random always.
	Seed []byte
	// KeepOpen bounds how many opened keys are kept of each protection.
	KeepOpen int
}

// Root implements keystore.Root.
type Root struct {
	save     func(*State) error
	kdf      KDF
	keepOpen int
	rand     io.Reader // hedges signatures; nil: deterministic

	// turn, held by putting into it, serialises what changes the state. It is
	// taken before mu.
	turn chan struct{}

	// mu guards what follows. It is held for reading throughout every use of a
	// secret, and for writing where one goes.
	mu     sync.RWMutex
	closed bool
	locked *arena.Box[State]
	state  *State   // in locked
	rings  [3]*ring // by Protection; that of Gated is nil while the gate is shut
	gated  *life    // of the Gated keys given out

	publicMu sync.Mutex     // taken after mu
	public   hpke.PublicKey // the gate's; nil: not needed yet

	seeded *seeded // nil: random
}

// New makes a root of a state, which it takes over.
func New(state *State, opts Options) *Root {
	r := &Root{
		save: opts.Save, kdf: opts.KDF, keepOpen: opts.KeepOpen, rand: rand.Reader,
		turn: make(chan struct{}, 1), locked: arena.New[State](), gated: new(life),
	}
	r.state = r.locked.Value()
	*r.state = *state
	state.Wipe()
	if r.save == nil {
		r.save = func(*State) error { return nil }
	}
	if opts.Seed != nil {
		r.rand, r.seeded = nil, &seeded{seed: *KDF{}.Key(opts.Seed, nil)}
		r.seeded.start(r.state)
	}
	r.rings[keystore.Ungated] = newRing(&r.state.Device)
	r.rings[keystore.Installation] = newRing(&r.state.Installation)
	return r
}

// Algorithms implements keystore.Keys.
func (r *Root) Algorithms() []keystore.Algorithm {
	return algorithms()
}

// algorithms are those that roots without a chip make keys of.
func algorithms() []keystore.Algorithm {
	return []keystore.Algorithm{
		{ID: ctap.ES256}, {ID: ctap.EdDSA}, {ID: ctap.ES384}, {ID: ctap.ES512}, {ID: ctap.ES256K}, {ID: ctap.RS256},
	}
}

// Create implements keystore.Keys.
func (r *Root) Create(ctx context.Context, alg ctap.Algorithm, binding []byte, p keystore.Protection) (keystore.Handle, keystore.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	k, err := r.seeded.create(alg, binding)
	if err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	h, open, err := r.adopt(k, binding, p)
	if err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	return h, open, nil
}

// adopt makes a key one of the root's.
func (r *Root) adopt(k *key, binding []byte, p keystore.Protection) (keystore.Handle, *given, error) {
	plain, err := k.appendTo(make([]byte, 0, 256))
	if err != nil {
		return nil, nil, err
	}
	defer clear(plain)

	r.mu.RLock()
	defer r.mu.RUnlock()
	sealed, err := r.seal(kindKey, plain, binding, p)
	if err != nil {
		return nil, nil, err
	}
	if ring := r.rings[p]; ring != nil {
		ring.keep(sealed, binding, k, r.keepOpen)
	}
	return sealed, r.give(k, p), nil
}

// Open implements keystore.Keys.
func (r *Root) Open(ctx context.Context, h keystore.Handle, binding []byte) (keystore.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return nil, fmt.Errorf("open key: %w", fs.ErrClosed)
	}
	p, err := protectionOf(kindKey, h)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	ring := r.rings[p]
	if ring != nil {
		if k := ring.kept(h, binding); k != nil {
			return r.give(k, p), nil
		}
	}
	plain, err := r.unseal(kindKey, h, binding)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	defer clear(plain)
	k, err := parseStored(plain)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	ring.keep(h, binding, k, r.keepOpen)
	return r.give(k, p), nil
}

// give hands out a key that dies with its protection's ring.
func (r *Root) give(k *key, p keystore.Protection) *given {
	life := r.gated
	if p != keystore.Gated {
		life = &r.rings[p].life
	}
	return &given{key: k, rand: r.rand, life: life}
}

// Gate implements keystore.Root.
func (r *Root) Gate() keystore.Gate { return (*gate)(r) }

// Reset implements keystore.Root.
func (r *Root) Reset(ctx context.Context) error {
	if err := r.take(ctx); err != nil {
		return fmt.Errorf("reset root: %w", err)
	}
	defer r.giveUp()
	fresh := NewState()
	fresh.Installation = r.state.Installation
	if r.seeded != nil {
		r.seeded.start(fresh)
	}
	defer fresh.Wipe()
	if err := r.save(fresh); err != nil {
		return fmt.Errorf("reset root: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew(fresh)
	return nil
}

// renew goes on with a copy of another state, of the same Installation. r.mu is
// held.
func (r *Root) renew(fresh *State) {
	r.shut(keystore.ErrGateShut)
	r.rings[keystore.Ungated].end(errDestroyed)
	r.public = nil
	*r.state = *fresh
	r.rings[keystore.Ungated] = newRing(&r.state.Device)
}

// SaveTo saves the state as it is with another function, which from then on
// takes the place of Options.Save. After an error the old one stays.
func (r *Root) SaveTo(ctx context.Context, save func(*State) error) error {
	if err := r.take(ctx); err != nil {
		return fmt.Errorf("save root: %w", err)
	}
	defer r.giveUp()
	if err := save(r.state); err != nil {
		return fmt.Errorf("save root: %w", err)
	}
	r.save = save
	return nil
}

// Close implements keystore.Root.
func (r *Root) Close() error {
	r.turn <- struct{}{}
	defer r.giveUp()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.shut(fs.ErrClosed)
	r.rings[keystore.Ungated].end(fs.ErrClosed)
	r.rings[keystore.Installation].end(fs.ErrClosed)
	r.state = new(State) // nobody looks into it any more, but not by a rule
	r.locked.Free()
	if r.seeded != nil {
		r.seeded.seed.Wipe()
	}
	return nil
}

// take waits for the turn to change the state.
func (r *Root) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := ctx.Err()
	if r.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		r.giveUp()
	}
	return err
}

func (r *Root) giveUp() { <-r.turn }
