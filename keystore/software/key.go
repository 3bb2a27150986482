package software

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"

	"filippo.io/keygen"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// rsaBits is the size of the RSA keys that are made; keys that are brought may
// be longer.
const rsaBits = 2048

// A key is a private key in this process's memory. It is left to the garbage
// collector, not wiped: the standard library keeps copies. Safe for concurrent
// use.
type key struct {
	alg    ctap.Algorithm
	pub    crypto.PublicKey // of the types that keystore.Key names
	signer crypto.Signer
}

// generateKey makes a key pair at random: keystore.ErrUnsupported for an algorithm
// that Algorithms does not list.
func generateKey(alg ctap.Algorithm) (*key, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case ctap.ES256, ctap.ES384, ctap.ES512:
		signer, err = ecdsa.GenerateKey(curveOf(alg), rand.Reader)
	case ctap.EdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case ctap.ES256K:
		var k *secp256k1.PrivateKey
		if k, err = secp256k1.GeneratePrivateKey(); err == nil {
			signer = k1Signer{k}
		}
	case ctap.RS256:
		signer, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return nil, fmt.Errorf("make a key of %v: %w", alg, keystore.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key of %v: %w", alg, err)
	}
	return newKey(alg, signer), nil
}

// deriveKey makes the key pair that belongs to a secret of 32 random bytes, by
// c2sp.org/det-keygen for ECDSA on NIST curves and RSA. A secret serves one
// algorithm only.
func deriveKey(alg ctap.Algorithm, secret []byte) (*key, error) {
	if len(secret) != 32 {
		return nil, fmt.Errorf("derive a key of %v from %d bytes", alg, len(secret))
	}
	var signer crypto.Signer
	var err error
	switch alg {
	case ctap.ES256, ctap.ES384, ctap.ES512:
		signer, err = keygen.ECDSA(curveOf(alg), secret)
	case ctap.EdDSA, ctap.ES256K:
		return parseKey(alg, secret)
	case ctap.RS256:
		signer, err = keygen.RSA(rsaBits, secret)
	default:
		err = keystore.ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("derive a key of %v: %w", alg, err)
	}
	return newKey(alg, signer), nil
}

// parseKey takes over a private key from elsewhere: for ECDSA the scalar,
// big-endian at the curve's full width, for EdDSA the seed of RFC 8032, for
// RS256 a PKCS #1 RSAPrivateKey in DER.
func parseKey(alg ctap.Algorithm, private []byte) (*key, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case ctap.ES256, ctap.ES384, ctap.ES512:
		signer, err = ecdsa.ParseRawPrivateKey(curveOf(alg), private)
	case ctap.EdDSA:
		if len(private) != ed25519.SeedSize {
			return nil, fmt.Errorf("parse a key of %v: seed of %d bytes", alg, len(private))
		}
		signer = ed25519.NewKeyFromSeed(private)
	case ctap.ES256K:
		signer, err = parseK1(private)
	case ctap.RS256:
		signer, err = x509.ParsePKCS1PrivateKey(private)
	default:
		err = keystore.ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("parse a key of %v: %w", alg, err)
	}
	return newKey(alg, signer), nil
}

func newKey(alg ctap.Algorithm, signer crypto.Signer) *key {
	return &key{alg, signer.Public(), signer}
}

// sign signs as keystore.Key says. ECDSA on NIST curves is hedged with rand, or
// deterministic (RFC 6979) where rand is nil; on secp256k1 it always is
// deterministic, with a low S.
func (k *key) sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	hash := k.alg.Hash()
	if opts == nil || opts.HashFunc() != hash {
		return nil, fmt.Errorf("sign with %v: not its hash", k.alg)
	}
	if hash != 0 && len(digest) != hash.Size() {
		return nil, fmt.Errorf("sign with %v: digest of %d bytes", k.alg, len(digest))
	}
	return k.signer.Sign(rand, digest, opts)
}

// appendTo appends the key with its public half, so that parseStored computes
// nothing again: the algorithm in two bytes, then for ECDSA the scalar and the
// point (X9.62, uncompressed), for EdDSA seed and public key, for RS256 PKCS #1.
func (k *key) appendTo(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, uint16(k.alg))
	switch s := k.signer.(type) {
	case *ecdsa.PrivateKey:
		scalar, err := s.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encode a key: %w", err)
		}
		point, err := s.PublicKey.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encode a key: %w", err)
		}
		b = append(append(b, scalar...), point...)
		clear(scalar)
	case ed25519.PrivateKey:
		b = append(b, s...)
	case k1Signer:
		scalar := s.Serialize()
		b = append(append(b, scalar...), s.PubKey().SerializeUncompressed()...)
		clear(scalar)
	case *rsa.PrivateKey:
		der := x509.MarshalPKCS1PrivateKey(s)
		b = append(b, der...)
		clear(der)
	}
	return b, nil
}

// parseStored decodes what appendTo made. It does not check that the public
// half belongs to the private one: the caller has authenticated both.
func parseStored(b []byte) (*key, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("stored key of %d bytes: %w", len(b), keystore.ErrCorrupt)
	}
	alg := ctap.Algorithm(int16(binary.BigEndian.Uint16(b)))
	k, err := parseHalves(alg, b[2:])
	if err != nil {
		return nil, fmt.Errorf("stored key of %v: %w: %w", alg, keystore.ErrCorrupt, err)
	}
	return k, nil
}

func parseHalves(alg ctap.Algorithm, b []byte) (*key, error) {
	switch alg {
	case ctap.ES256, ctap.ES384, ctap.ES512:
		curve := curveOf(alg)
		size := (curve.Params().BitSize + 7) / 8
		if len(b) != size+1+2*size {
			return nil, fmt.Errorf("%d bytes", len(b))
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, b[size:])
		if err != nil {
			return nil, err
		}
		// ParseRawPrivateKey would compute the point again, at the price of
		// half a signature.
		priv := &ecdsa.PrivateKey{PublicKey: *pub, D: new(big.Int).SetBytes(b[:size])} //lint:ignore SA1019 see above
		return &key{alg, &priv.PublicKey, priv}, nil
	case ctap.EdDSA:
		if len(b) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("%d bytes", len(b))
		}
		return newKey(alg, append(ed25519.PrivateKey(nil), b...)), nil
	case ctap.ES256K:
		if len(b) != 32+65 {
			return nil, fmt.Errorf("%d bytes", len(b))
		}
		s, err := parseK1(b[:32])
		if err != nil {
			return nil, err
		}
		point := &ctap.Secp256k1Point{X: [32]byte(b[33:65]), Y: [32]byte(b[65:])}
		return &key{alg, point, s}, nil
	}
	return parseKey(alg, b)
}

// curveOf returns the NIST curve of an ECDSA algorithm.
func curveOf(alg ctap.Algorithm) elliptic.Curve {
	switch alg {
	case ctap.ES384:
		return elliptic.P384()
	case ctap.ES512:
		return elliptic.P521()
	}
	return elliptic.P256()
}

// k1Signer signs on secp256k1, which the standard library lacks.
type k1Signer struct{ *secp256k1.PrivateKey }

func parseK1(scalar []byte) (k1Signer, error) {
	var s secp256k1.ModNScalar
	defer s.Zero()
	if len(scalar) != 32 || s.SetByteSlice(scalar) || s.IsZero() {
		return k1Signer{}, fmt.Errorf("not a scalar of secp256k1")
	}
	return k1Signer{secp256k1.NewPrivateKey(&s)}, nil
}

func (s k1Signer) Public() crypto.PublicKey {
	point := s.PubKey().SerializeUncompressed()
	return &ctap.Secp256k1Point{X: [32]byte(point[1:33]), Y: [32]byte(point[33:])}
}

func (s k1Signer) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, fmt.Errorf("sign on secp256k1: digest of %d bytes", len(digest))
	}
	return k1ecdsa.Sign(s.PrivateKey, digest).Serialize(), nil
}
