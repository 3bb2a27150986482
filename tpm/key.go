package tpm

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
)

// The handle of a key in the chip is
//
//	'c' ‖ protection (1) ‖ sealed(algorithm (2) ‖ authorization value (32) ‖ public half, sized (2+n) ‖ TPM2B_PRIVATE's content)
//
// sealed as any value of the key's protection. So the key is known to be ours,
// for this binding, before the chip hears of it, and the chip uses it for
// nobody who has not opened the seal: the authorization value is in it.
const (
	chipKey  = 'c'
	authSize = 32
)

// sealBinding tells what is sealed as a key of a protection from all other
// sealed values.
func sealBinding(p keystore.Protection, binding []byte) []byte {
	return append(append([]byte("signet TPM key\x00"), byte(p)), binding...)
}

// blob is a key of the chip's as it is kept outside.
type blob struct {
	alg     ctap.Algorithm
	auth    []byte
	public  []byte // TPMT_PUBLIC
	private []byte
}

func (b *blob) encode() []byte {
	out := binary.BigEndian.AppendUint16(make([]byte, 0, 4+authSize+len(b.public)+len(b.private)), uint16(b.alg))
	out = append(out, b.auth...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.public)))
	return append(append(out, b.public...), b.private...)
}

func parseBlob(in []byte) (*blob, error) {
	const head = 2 + authSize + 2
	if len(in) < head {
		return nil, fmt.Errorf("key of %d bytes: %w", len(in), keystore.ErrCorrupt)
	}
	size := int(binary.BigEndian.Uint16(in[2+authSize:]))
	if len(in) < head+size {
		return nil, fmt.Errorf("key of %d bytes: %w", len(in), keystore.ErrCorrupt)
	}
	return &blob{
		alg:     ctap.Algorithm(int16(binary.BigEndian.Uint16(in))),
		auth:    bytes.Clone(in[2 : 2+authSize]),
		public:  bytes.Clone(in[head : head+size]),
		private: bytes.Clone(in[head+size:]),
	}, nil
}

// create makes a key pair in the chip. Its authorization value goes there
// encrypted.
func (p *parent) create(t transport.TPM, alg ctap.Algorithm) (*blob, error) {
	template, ok := signingPublic(alg)
	if !ok {
		return nil, keystore.ErrUnsupported
	}
	auth := randomAuth()
	r, err := tpm2.Create{
		ParentHandle: p.itself(p.hmac(nil, sealing())),
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: auth}}},
		InPublic:     tpm2.New2B(template),
	}.Execute(t)
	if err != nil {
		return nil, err
	}
	b := &blob{alg, auth, r.OutPublic.Bytes(), r.OutPrivate.Buffer}
	if _, err := parsePublic(b.public); err != nil {
		return nil, fmt.Errorf("public half: %w", err)
	}
	return b, nil
}

// load loads the key; the caller flushes it.
func (b *blob) load(t transport.TPM, p *parent) (*tpm2.LoadResponse, error) {
	return p.load(t, tpm2.BytesAs2B[tpm2.TPMTPublic](b.public), tpm2.TPM2BPrivate{Buffer: b.private})
}

// proof is a session, for one command, that proves the key's authorization
// value. It has no secret to keep but that one, which nobody can guess, so it
// is not salted.
func (b *blob) proof() tpm2.Session {
	return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, tpm2.Auth(b.auth))
}

// sign signs a digest in the chip.
func (b *blob) sign(t transport.TPM, p *parent, digest []byte) ([]byte, error) {
	key, err := b.load(t, p)
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	defer flush(t, key.ObjectHandle)
	r, err := tpm2.Sign{
		KeyHandle:  tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: b.proof()},
		Digest:     tpm2.TPM2BDigest{Buffer: digest},
		InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
	}.Execute(t)
	if err != nil {
		return nil, err
	}
	return signature(&r.Signature)
}

// key is a key in the chip as Create and Open give it out. It implements
// keystore.Key.
type key struct {
	root *Root
	life *life
	pub  func() crypto.PublicKey // when it is asked for: signing does without
	alg  ctap.Algorithm

	closed atomic.Bool

	mu   sync.Mutex
	blob blob                       // without its authorization value
	auth *arena.Box[[authSize]byte] // nil once the key is closed or dead
}

// give hands out a key that lives no longer than life. It keeps a copy of the
// blob's authorization value.
func (r *Root) give(b *blob, life *life) *key {
	public := b.public
	k := &key{root: r, life: life, alg: b.alg, blob: *b, auth: arena.New[[authSize]byte]()}
	k.blob.auth = nil
	copy(k.auth.Value()[:], b.auth)
	k.pub = sync.OnceValue(func() crypto.PublicKey {
		pub, err := parsePublic(public)
		if err != nil {
			return nil // cannot be: Create has parsed it
		}
		return pub
	})
	life.add(k)
	return k
}

func parsePublic(b []byte) (crypto.PublicKey, error) {
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](b)
	if err != nil {
		return nil, err
	}
	return publicKey(public)
}

// Public implements keystore.Key.
func (k *key) Public() crypto.PublicKey { return k.pub() }

// Sign implements keystore.Key.
func (k *key) Sign(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	hash := k.alg.Hash()
	if opts == nil || opts.HashFunc() != hash {
		return nil, fmt.Errorf("sign with %v: not its hash", k.alg)
	}
	if len(digest) != hash.Size() {
		return nil, fmt.Errorf("sign with %v: digest of %d bytes", k.alg, len(digest))
	}
	// A key that is dead is not queued; one that dies in the queue does not
	// sign.
	if err := k.dead(); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	sig, err := do(ctx, k.root.chip, func(t transport.TPM) ([]byte, error) {
		b, err := k.take()
		if err != nil {
			return nil, err
		}
		defer clear(b.auth)
		return b.sign(t, k.root.parent, digest)
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("sign in the TPM: %w", err)
	}
	return sig, nil
}

// take returns a copy of the key's blob, unless the key is dead or closed. The
// caller wipes its authorization value.
func (k *key) take() (*blob, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.auth == nil {
		return nil, k.dead()
	}
	if err := k.life.err(); err != nil {
		return nil, err
	}
	b := k.blob
	b.auth = bytes.Clone(k.auth.Value()[:])
	return &b, nil
}

// dead tells why the key does not sign any more; nil while it does.
func (k *key) dead() error {
	if err := k.life.err(); err != nil {
		return err
	}
	if k.closed.Load() {
		return fs.ErrClosed
	}
	return nil
}

// Close implements keystore.Key.
func (k *key) Close() error {
	k.closed.Store(true)
	k.life.remove(k)
	k.forget()
	return nil
}

// forget wipes the key's authorization value.
func (k *key) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.auth != nil {
		k.auth.Free()
		k.auth = nil
	}
}

// A life is shared by keys that stop signing together.
type life struct {
	mu   sync.Mutex
	over error
	keys map[*key]struct{}
}

func newLife() *life { return &life{keys: make(map[*key]struct{})} }

// add puts a key under the life, which may be over.
func (l *life) add(k *key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		l.keys[k] = struct{}{}
	}
}

func (l *life) remove(k *key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, k)
}

// end kills the keys, for the reason given.
func (l *life) end(why error) {
	l.mu.Lock()
	keys := l.keys
	if l.over == nil {
		l.over, l.keys = why, nil
	}
	l.mu.Unlock()
	for k := range keys {
		k.forget()
	}
}

func (l *life) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
