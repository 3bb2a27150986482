package rptest

import (
	"context"
	"crypto"
	"crypto/subtle"
	"fmt"
	"io/fs"
	"sync"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// root is a root in memory that knows which key belongs to which credential:
// whoever spoils a response has to sign it again. It seals nothing and its gate
// guards nothing, so that a device costs little; the engine's own rules hold as
// ever.
type root struct {
	*software.Bare
	gate       gate
	algorithms []keystore.Algorithm

	// patched tells whether the signatures of a credential are made by the
	// device itself, over authenticator data that it changes: then the
	// engine's own would be made for nothing.
	patched func(credentialID []byte) bool

	mu   sync.Mutex
	keys map[string]*boundKey // by credential ID
}

type boundKey struct {
	handle  keystore.Handle
	binding string
	alg     ctap.Algorithm
}

// newRoot makes one that makes keys of some algorithms, in the order of preference.
func newRoot(seed []byte, pin string, algorithms []ctap.Algorithm) *root {
	r := &root{Bare: software.NewBare(seed), keys: map[string]*boundKey{}}
	r.algorithms = make([]keystore.Algorithm, len(algorithms))
	for i, id := range algorithms {
		r.algorithms[i].ID = id
	}
	r.gate.set(pin)
	return r
}

// Gate implements keystore.Root.
func (r *root) Gate() keystore.Gate { return &r.gate }

// Algorithms implements keystore.Keys.
func (r *root) Algorithms() []keystore.Algorithm { return r.algorithms }

// Create implements keystore.Keys.
func (r *root) Create(ctx context.Context, alg ctap.Algorithm, binding []byte, _ keystore.Protection) (keystore.Handle, keystore.Key, error) {
	h, k, err := r.Bare.Create(ctx, alg, binding, keystore.Ungated)
	if err != nil {
		return nil, nil, err
	}
	r.remember(h, alg, binding)
	return h, r.wrap(k, binding), nil
}

// ImportKey implements keystore.Importer.
func (r *root) ImportKey(ctx context.Context, alg ctap.Algorithm, private, binding []byte, _ keystore.Protection) (keystore.Handle, error) {
	h, err := r.Bare.ImportKey(ctx, alg, private, binding, keystore.Ungated)
	if err == nil {
		r.remember(h, alg, binding)
	}
	return h, err
}

// Open implements keystore.Keys.
func (r *root) Open(ctx context.Context, h keystore.Handle, binding []byte) (keystore.Key, error) {
	k, err := r.Bare.Open(ctx, h, binding)
	if err != nil {
		return nil, err
	}
	return r.wrap(k, binding), nil
}

// The engine binds a credential's key to the rpIdHash and the credential ID.
const rpIDHashLength = 32

func (r *root) remember(h keystore.Handle, alg ctap.Algorithm, binding []byte) {
	if len(binding) <= rpIDHashLength {
		return // a key of the installation
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	bound := string(binding)
	r.keys[bound[rpIDHashLength:]] = &boundKey{h, bound, alg}
}

func (r *root) wrap(k keystore.Key, binding []byte) keystore.Key {
	if len(binding) > rpIDHashLength && r.patched != nil && r.patched(binding[rpIDHashLength:]) {
		return unsigned{k}
	}
	return lowS{k}
}

// unsigned is a key whose signature nobody needs.
type unsigned struct{ keystore.Key }

func (unsigned) Sign(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return []byte{0}, nil
}

// open opens a credential's key: fs.ErrNotExist where there is none.
func (r *root) open(ctx context.Context, credentialID []byte) (ctap.Algorithm, keystore.Key, error) {
	r.mu.Lock()
	b, ok := r.keys[string(credentialID)]
	r.mu.Unlock()
	if !ok {
		return 0, nil, fmt.Errorf("key of credential %x: %w", credentialID, fs.ErrNotExist)
	}
	k, err := r.Bare.Open(ctx, b.handle, []byte(b.binding))
	if err != nil {
		return 0, nil, fmt.Errorf("key of credential %x: %w", credentialID, err)
	}
	return b.alg, lowS{k}, nil
}

// public gives a credential's public key: fs.ErrNotExist where there is none.
func (r *root) public(ctx context.Context, credentialID []byte) (ctap.Algorithm, crypto.PublicKey, error) {
	alg, k, err := r.open(ctx, credentialID)
	if err != nil {
		return 0, nil, err
	}
	defer k.Close()
	return alg, k.Public(), nil
}

// sign signs a message by a credential's key: fs.ErrNotExist where there is none.
func (r *root) sign(ctx context.Context, credentialID, message []byte) ([]byte, error) {
	alg, k, err := r.open(ctx, credentialID)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return signMessage(ctx, k, alg, message)
}

// signMessage hashes as the algorithm says, and signs.
func signMessage(ctx context.Context, k keystore.Key, alg ctap.Algorithm, message []byte) ([]byte, error) {
	hash := alg.Hash()
	if hash == 0 {
		return k.Sign(ctx, message, hash)
	}
	h := hash.New()
	h.Write(message)
	return k.Sign(ctx, h.Sum(nil), hash)
}

// Seal implements keystore.Sealer.
func (r *root) Seal(ctx context.Context, plain, binding []byte, _ keystore.Protection) ([]byte, error) {
	return r.Bare.Seal(ctx, plain, binding, keystore.Ungated)
}

// Derive implements keystore.Sealer. What is behind the gate elsewhere has a
// label of its own here.
func (r *root) Derive(ctx context.Context, label string, binding []byte, p keystore.Protection) ([32]byte, error) {
	if p == keystore.Gated {
		label, p = "gated "+label, keystore.Ungated
	}
	return r.Bare.Derive(ctx, label, binding, p)
}

// Reset implements keystore.Root.
func (r *root) Reset(ctx context.Context) error {
	r.mu.Lock()
	clear(r.keys)
	r.mu.Unlock()
	r.gate.reset()
	return r.Bare.Reset(ctx)
}

// gate is a PIN that costs nothing to set: its device is used once, mostly.
type gate struct {
	mu      sync.Mutex
	hash    [16]byte
	isSet   bool
	open    bool
	retries int
}

func (g *gate) set(pin string) {
	g.hash, g.isSet, g.retries = pinuv.HashPIN([]byte(pin)), true, ctap.MaxPINRetries
}

func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hash, g.isSet, g.open, g.retries = [16]byte{}, false, false, ctap.MaxPINRetries
}

// State implements keystore.Gate.
func (g *gate) State(context.Context) (keystore.GateState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	retries := g.retries
	if !g.isSet {
		retries = ctap.MaxPINRetries
	}
	return keystore.GateState{Set: g.isSet, Open: g.open, Retries: retries}, nil
}

// SetPIN implements keystore.Gate.
func (g *gate) SetPIN(_ context.Context, pinHash []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case len(pinHash) != len(g.hash):
		return fmt.Errorf("PIN hash of %d bytes", len(pinHash))
	case g.isSet && !g.open:
		return keystore.ErrGateShut
	}
	g.hash, g.isSet, g.retries = [16]byte(pinHash), true, ctap.MaxPINRetries
	return nil
}

// Open implements keystore.Gate.
func (g *gate) Open(_ context.Context, pinHash []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.isSet:
		return keystore.ErrNoPIN
	case g.retries == 0:
		return keystore.ErrPINBlocked
	}
	g.retries--
	if subtle.ConstantTimeCompare(pinHash, g.hash[:]) != 1 {
		if g.retries == 0 {
			return keystore.ErrPINBlocked
		}
		return keystore.ErrWrongPIN
	}
	g.open, g.retries = true, ctap.MaxPINRetries
	return nil
}

// Shut implements keystore.Gate.
func (g *gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
}
