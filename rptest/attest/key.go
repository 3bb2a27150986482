package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"filippo.io/keygen"

	"github.com/seed-77d61853/signet/ctap"
)

// Authority is one vendor of authenticators: a root, an intermediate and a leaf
// key for each format, and a root for metadata. Keys and certificates are
// functions of the seed, made when first wanted. Safe for concurrent use.
type Authority struct {
	given []byte // the seed
	now   func() time.Time

	mu     sync.Mutex
	keys   map[string]*ecdsa.PrivateKey // by what they are for
	leaves map[leafOf][]byte            // DER

	seed            wanted[[sha256.Size]byte]
	rsaKey          wanted[*rsa.PrivateKey]
	rootDER, middle wanted[[]byte]
}

// wanted is what is made when it is first wanted: most devices want nothing.
type wanted[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (w *wanted[T]) get(make func() (T, error)) (T, error) {
	w.once.Do(func() { w.value, w.err = make() })
	return w.value, w.err
}

// New returns the authority of a seed of any length. now is the clock that faulty
// dates and metadata go by; nil is time.Now.
func New(seed []byte, now func() time.Time) *Authority {
	if now == nil {
		now = time.Now
	}
	return &Authority{given: bytes.Clone(seed), now: now}
}

func (a *Authority) rsa() (*rsa.PrivateKey, error) {
	return a.rsaKey.get(func() (*rsa.PrivateKey, error) { return keygen.RSA(2048, a.derive("other RSA key")) })
}

// root is the root's certificate, in DER.
func (a *Authority) root() ([]byte, error) {
	return a.rootDER.get(func() ([]byte, error) { return a.selfSigned(rootName) })
}

// intermediate is the intermediate's, in DER.
func (a *Authority) intermediate() ([]byte, error) {
	return a.middle.get(func() ([]byte, error) {
		c, err := a.intermediateCertificate()
		if err != nil {
			return nil, err
		}
		return a.issue(rootName, c)
	})
}

// rogue is another authority whose issuers have the same names.
func (a *Authority) rogue() *Authority { return New(a.derive("rogue"), a.now) }

// derive gives 32 bytes for one purpose.
func (a *Authority) derive(purpose string) []byte {
	seed, _ := a.seed.get(func() (seed [sha256.Size]byte, err error) { // it does not fail
		mac := hmac.New(sha256.New, []byte("Signet attestation authority"))
		mac.Write(a.given)
		mac.Sum(seed[:0])
		return seed, nil
	})
	mac := hmac.New(sha256.New, seed[:])
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// key gives the key for a purpose, always the same one on the same curve.
func (a *Authority) key(purpose string, curve elliptic.Curve) (*ecdsa.PrivateKey, error) {
	purpose = purpose + " on " + curve.Params().Name
	a.mu.Lock()
	defer a.mu.Unlock()
	if key := a.keys[purpose]; key != nil {
		return key, nil
	}
	// P-521 wants 48 bytes of seed.
	key, err := keygen.ECDSA(curve, append(a.derive(purpose), a.derive(purpose+", more")...))
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	if a.keys == nil {
		a.keys = make(map[string]*ecdsa.PrivateKey)
	}
	a.keys[purpose] = key
	return key, nil
}

// other gives a key of an algorithm that belongs to no credential or certificate.
func (a *Authority) other(alg ctap.Algorithm) (crypto.Signer, error) {
	switch alg {
	case ctap.ES256:
		return a.key("other", elliptic.P256())
	case ctap.ES384:
		return a.key("other", elliptic.P384())
	case ctap.ES512:
		return a.key("other", elliptic.P521())
	case ctap.EdDSA:
		return ed25519.NewKeyFromSeed(a.derive("other Ed25519 key")), nil
	case ctap.RS256:
		return a.rsa()
	}
	return nil, fmt.Errorf("another key of %v: %w", alg, ErrUnsupported)
}

// signer signs with a key as an algorithm says; deterministically, which ECDSA
// and PKCS #1 do without a source of randomness, and with a low s.
func signer(key crypto.Signer, alg ctap.Algorithm) Signer {
	return func(message []byte) ([]byte, error) {
		hash := alg.Hash()
		if hash == 0 {
			// An edit may have put another kind of key here, and some of those
			// take no message without a hash.
			if _, ok := key.Public().(ed25519.PublicKey); !ok {
				return nil, fmt.Errorf("sign by %T as %v: %w", key, alg, ErrUnsupported)
			}
			return key.Sign(nil, message, hash)
		}
		h := hash.New()
		h.Write(message)
		sig, err := key.Sign(nil, h.Sum(nil), hash)
		if pub, ok := key.Public().(*ecdsa.PublicKey); ok && err == nil {
			return LowerS(sig, pub.Params().N)
		}
		return sig, err
	}
}

// uncompressed gives a P-256 key as a point of 65 bytes.
func uncompressed(pub crypto.PublicKey) ([]byte, error) {
	key, ok := pub.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not a P-256 key")
	}
	return key.Bytes()
}
