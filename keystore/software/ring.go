package software

import (
	"context"
	"crypto"
	"crypto/cipher"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
)

// A ring is one secret with what was made or opened under it.
type ring struct {
	secret *keystore.Secret
	locked *arena.Box[keystore.Secret] // where the gate's secret is
	life   life                        // of the keys given out; Gated ones have the root's instead

	mu   sync.Mutex
	aead cipher.AEAD // made when first needed
	keys map[string]keptKey
}

type keptKey struct {
	binding string
	key     *key
}

func newRing(secret *keystore.Secret) *ring { return &ring{secret: secret} }

// cipher returns what seals under the ring's secret.
func (r *ring) cipher() cipher.AEAD {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aead == nil {
		r.aead = newAEAD(r.secret, []byte("seal\x00"))
	}
	return r.aead
}

// keep remembers an opened key under its handle, among at most bound keys.
func (r *ring) keep(h keystore.Handle, binding []byte, k *key, bound int) {
	if bound == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = make(map[string]keptKey)
	}
	if len(r.keys) >= bound {
		for any := range r.keys {
			delete(r.keys, any)
			break
		}
	}
	r.keys[string(h)] = keptKey{string(binding), k}
}

// kept returns the opened key of a handle, nil if it is not kept.
func (r *ring) kept(h keystore.Handle, binding []byte) *key {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, ok := r.keys[string(h)]
	if !ok || kept.binding != string(binding) {
		return nil
	}
	return kept.key
}

// end kills the keys that were given out, for the reason given, and forgets
// those that were kept.
func (r *ring) end(why error) {
	r.life.end(why)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.aead = nil, nil
}

// A life is shared by keys that stop signing together.
type life struct{ over atomic.Pointer[error] }

func (l *life) end(why error) { l.over.CompareAndSwap(nil, &why) }

func (l *life) err() error {
	if why := l.over.Load(); why != nil {
		return *why
	}
	return nil
}

// given is a key as Create and Open give it out. It implements keystore.Key.
type given struct {
	key    *key
	rand   io.Reader
	life   *life
	closed atomic.Bool
}

// Public implements keystore.Key.
func (g *given) Public() crypto.PublicKey { return g.key.pub }

// Sign implements keystore.Key.
func (g *given) Sign(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	err := ctx.Err()
	if err == nil {
		err = g.life.err()
	}
	if err == nil && g.closed.Load() {
		err = fs.ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return g.key.sign(g.rand, digest, opts)
}

// Close implements keystore.Key.
func (g *given) Close() error {
	g.closed.Store(true)
	return nil
}
