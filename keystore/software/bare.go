package software

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

var errNoGate = errors.New("a bare root has no gate")

// Bare keeps keys in this process's memory under no seal: for devices that are
// made by the thousand, used once and dropped. It is all of a keystore.Root but
// the gate, knows no difference between Ungated and Installation but at Reset,
// and cannot keep what is Gated. What was made stays until Reset or Close. Handles
// and sealed values mean nothing outside of it, and protect nothing. Safe for
// concurrent use.
type Bare struct {
	rand   io.Reader // hedges signatures; nil: deterministic
	seeded *seeded   // nil: random

	mu      sync.RWMutex
	closed  bool
	secrets [keystore.Installation + 1]keystore.Secret // by Protection; that of Gated is none
	life    [keystore.Installation + 1]*life
	keys    map[uint64]*bareKey // by handle
	made    uint64              // keys, ever
}

type bareKey struct {
	keptKey
	protection keystore.Protection
}

// NewBare makes one. The seed is as Options.Seed: the same keys follow, and the
// same derived secrets.
func NewBare(seed []byte) *Bare {
	b := &Bare{rand: rand.Reader, keys: map[uint64]*bareKey{}}
	if seed == nil {
		rand.Read(b.secrets[keystore.Installation][:])
	} else {
		b.rand, b.seeded = nil, &seeded{seed: *KDF{}.Key(seed, nil)}
	}
	b.life[keystore.Installation] = new(life)
	b.start()
	return b
}

// start draws the secrets of a new device. b.mu is held, or nobody else has b yet.
func (b *Bare) start() {
	b.life[keystore.Ungated] = new(life)
	if b.seeded == nil {
		rand.Read(b.secrets[keystore.Ungated][:])
		return
	}
	installation, device := b.seeded.secrets(b.seeded.restart())
	defer installation.Wipe()
	defer device.Wipe()
	b.secrets[keystore.Installation], b.secrets[keystore.Ungated] = *installation, *device
}

// Algorithms implements keystore.Keys.
func (b *Bare) Algorithms() []keystore.Algorithm { return algorithms() }

// Create implements keystore.Keys.
func (b *Bare) Create(ctx context.Context, alg ctap.Algorithm, binding []byte, p keystore.Protection) (keystore.Handle, keystore.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	k, err := b.seeded.create(alg, binding)
	if err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	h, open, err := b.adopt(k, binding, p)
	if err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	return h, open, nil
}

// adopt makes a key one of b's.
func (b *Bare) adopt(k *key, binding []byte, p keystore.Protection) (keystore.Handle, *given, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.usable(p); err != nil {
		return nil, nil, err
	}
	b.made++
	b.keys[b.made] = &bareKey{keptKey{string(binding), k}, p}
	return binary.BigEndian.AppendUint64(nil, b.made), &given{key: k, rand: b.rand, life: b.life[p]}, nil
}

// usable checks that b is open and knows the protection. b.mu is held.
func (b *Bare) usable(p keystore.Protection) error {
	switch {
	case b.closed:
		return fs.ErrClosed
	case p == keystore.Gated:
		return errNoGate
	case p != keystore.Ungated && p != keystore.Installation:
		return fmt.Errorf("unknown protection %d", p)
	}
	return nil
}

// find returns the key behind a handle. b.mu is held.
func (b *Bare) find(h keystore.Handle, binding []byte) (*bareKey, error) {
	if b.closed {
		return nil, fs.ErrClosed
	}
	if len(h) == 8 {
		if k, ok := b.keys[binary.BigEndian.Uint64(h)]; ok && k.binding == string(binding) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("a key from elsewhere, or for something else: %w", fs.ErrNotExist)
}

// Open implements keystore.Keys.
func (b *Bare) Open(ctx context.Context, h keystore.Handle, binding []byte) (keystore.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	k, err := b.find(h, binding)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	return &given{key: k.key, rand: b.rand, life: b.life[k.protection]}, nil
}

// ExportKey implements keystore.Exporter.
func (b *Bare) ExportKey(ctx context.Context, h keystore.Handle, binding []byte) (ctap.Algorithm, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	k, err := b.find(h, binding)
	if err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	private, err := k.key.private()
	if err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	return k.key.alg, private, nil
}

// ImportKey implements keystore.Importer.
func (b *Bare) ImportKey(ctx context.Context, alg ctap.Algorithm, private, binding []byte, p keystore.Protection) (keystore.Handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	k, err := parseKey(alg, private)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	h, _, err := b.adopt(k, binding, p)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	return h, nil
}

// Seal implements keystore.Sealer, in the clear: a MAC tells only that the value is
// b's, and what it belongs to.
func (b *Bare) Seal(ctx context.Context, plain, binding []byte, p keystore.Protection) ([]byte, error) {
	tag, err := b.tag(ctx, plain, binding, p)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append(append(tag[:], byte(p)), plain...), nil
}

// Unseal implements keystore.Sealer.
func (b *Bare) Unseal(ctx context.Context, sealed, binding []byte) ([]byte, error) {
	const tagEnd = sha256.Size
	if len(sealed) <= tagEnd {
		return nil, fmt.Errorf("unseal: %d bytes: %w", len(sealed), fs.ErrNotExist)
	}
	p := keystore.Protection(sealed[tagEnd])
	if p != keystore.Ungated && p != keystore.Installation {
		return nil, fmt.Errorf("unseal: from elsewhere: %w", fs.ErrNotExist)
	}
	plain := append([]byte(nil), sealed[tagEnd+1:]...)
	tag, err := b.tag(ctx, plain, binding, p)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	if subtle.ConstantTimeCompare(tag[:], sealed[:tagEnd]) != 1 {
		return nil, fmt.Errorf("unseal: from elsewhere, or for something else: %w", fs.ErrNotExist)
	}
	return plain, nil
}

func (b *Bare) tag(ctx context.Context, plain, binding []byte, p keystore.Protection) ([32]byte, error) {
	digest := sha256.Sum256(plain)
	return b.Derive(ctx, "sealed value", append(digest[:], binding...), p)
}

// Derive implements keystore.Sealer.
func (b *Bare) Derive(ctx context.Context, label string, binding []byte, p keystore.Protection) (out [32]byte, err error) {
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("derive: %w", err)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if err := b.usable(p); err != nil {
		return out, fmt.Errorf("derive: %w", err)
	}
	return *expand(&b.secrets[p], labelled("derive", label, binding)), nil
}

// Reset is keystore.Root's.
func (b *Bare) Reset(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reset root: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("reset root: %w", fs.ErrClosed)
	}
	for h, k := range b.keys {
		if k.protection != keystore.Installation {
			delete(b.keys, h)
		}
	}
	b.life[keystore.Ungated].end(errDestroyed)
	b.start()
	return nil
}

// Close is keystore.Root's.
func (b *Bare) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed, b.keys = true, nil
	clear(b.secrets[:])
	if b.seeded != nil {
		b.seeded.seed.Wipe()
	}
	for _, p := range []keystore.Protection{keystore.Ungated, keystore.Installation} {
		b.life[p].end(fs.ErrClosed)
	}
	return nil
}
