package software

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/keystore"
)

// A handle or sealed value is
//
//	version, kind, protection (one byte each) ‖ nonce (12) ‖ AES-256-GCM
//
// under the device secret, or the Installation secret, with the three bytes and
// the binding as additional data. What is Gated is first sealed by HPKE (RFC
// 9180) to the gate's public key: so it is known to be ours while the gate is
// shut, and takes both secrets to open.
const (
	sealVersion = 1
	kindKey     = 'k'
	kindValue   = 'v'
	headerSize  = 3
)

// hpkeInfo binds Gated ciphertexts to their use.
var hpkeInfo = []byte("signet gate")

// Seal implements keystore.Sealer.
func (r *Root) Seal(ctx context.Context, plain, binding []byte, p keystore.Protection) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	sealed, err := r.seal(kindValue, plain, binding, p)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Unseal implements keystore.Sealer.
func (r *Root) Unseal(ctx context.Context, sealed, binding []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	plain, err := r.unseal(kindValue, sealed, binding)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	return plain, nil
}

// Derive implements keystore.Sealer.
func (r *Root) Derive(ctx context.Context, label string, binding []byte, p keystore.Protection) (out [32]byte, err error) {
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("derive: %w", err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if err := r.usable(p); err != nil {
		return out, fmt.Errorf("derive: %w", err)
	}
	ring := r.rings[p]
	if ring == nil {
		return out, fmt.Errorf("derive: %w", keystore.ErrGateShut)
	}
	info := labelled("derive", label, binding)
	defer clear(info) // a binding can be the hash of a PIN
	secret := expand(ring.secret, info)
	defer secret.Wipe()
	return *secret, nil
}

// usable checks that the root is open and knows the protection. r.mu is held.
func (r *Root) usable(p keystore.Protection) error {
	if r.closed {
		return fs.ErrClosed
	}
	if p < keystore.Ungated || p > keystore.Installation {
		return fmt.Errorf("unknown protection %d", p)
	}
	return nil
}

// seal makes a handle or sealed value. r.mu is held.
func (r *Root) seal(kind byte, plain, binding []byte, p keystore.Protection) ([]byte, error) {
	if err := r.usable(p); err != nil {
		return nil, err
	}
	if p == keystore.Gated {
		public, err := r.gatePublic()
		if err != nil {
			return nil, err
		}
		_, kdf, aead := hpkeSuite()
		enc, sender, err := hpke.NewSender(public, kdf, aead, hpkeInfo)
		if err != nil {
			return nil, fmt.Errorf("seal to the gate: %w", err)
		}
		body, err := sender.Seal(binding, plain)
		if err != nil {
			return nil, fmt.Errorf("seal to the gate: %w", err)
		}
		plain = append(enc, body...)
	}
	out := make([]byte, headerSize+nonceSize, headerSize+nonceSize+len(plain)+tagSize)
	out[0], out[1], out[2] = sealVersion, kind, byte(p)
	nonce := out[headerSize:]
	rand.Read(nonce)
	aad := append(out[:headerSize:headerSize], binding...)
	return r.outer(p).cipher().Seal(out, nonce, plain, aad), nil
}

// unseal opens a handle or sealed value. r.mu is held.
func (r *Root) unseal(kind byte, sealed, binding []byte) ([]byte, error) {
	if r.closed {
		return nil, fs.ErrClosed
	}
	p, err := protectionOf(kind, sealed)
	if err != nil {
		return nil, err
	}
	nonce, body := sealed[headerSize:headerSize+nonceSize], sealed[headerSize+nonceSize:]
	aad := append(sealed[:headerSize:headerSize], binding...)
	plain, err := r.outer(p).cipher().Open(nil, nonce, body, aad)
	if err != nil {
		return nil, fmt.Errorf("sealed elsewhere, or for something else: %w", fs.ErrNotExist)
	}
	if p != keystore.Gated {
		return plain, nil
	}
	ring := r.rings[keystore.Gated]
	if ring == nil {
		return nil, keystore.ErrGateShut
	}
	private, err := gateKey(ring.secret)
	if err != nil {
		return nil, err
	}
	kem, kdf, aead := hpkeSuite()
	encSize := len(private.PublicKey().Bytes())
	if private.KEM().ID() != kem.ID() || len(plain) < encSize {
		return nil, fmt.Errorf("open what is gated: %w", keystore.ErrCorrupt)
	}
	recipient, err := hpke.NewRecipient(plain[:encSize], private, kdf, aead, hpkeInfo)
	if err != nil {
		return nil, fmt.Errorf("open what is gated: %w: %w", keystore.ErrCorrupt, err)
	}
	if plain, err = recipient.Open(binding, plain[encSize:]); err != nil {
		return nil, fmt.Errorf("open what is gated: %w: %w", keystore.ErrCorrupt, err)
	}
	return plain, nil
}

// outer returns the ring whose secret seals the outer layer of a protection.
func (r *Root) outer(p keystore.Protection) *ring {
	if p == keystore.Installation {
		return r.rings[p]
	}
	return r.rings[keystore.Ungated]
}

// protectionOf reads the header of a handle or sealed value: fs.ErrNotExist
// where no root of this kind made it.
func protectionOf(kind byte, sealed []byte) (keystore.Protection, error) {
	if len(sealed) < headerSize+nonceSize+tagSize || sealed[0] != sealVersion || sealed[1] != kind ||
		sealed[2] > byte(keystore.Installation) {
		return 0, fmt.Errorf("not sealed by a root of this kind: %w", fs.ErrNotExist)
	}
	return keystore.Protection(sealed[2]), nil
}
