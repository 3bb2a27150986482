package ctap

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

// Algorithm is a COSE algorithm identifier (IANA COSE registry; §6.4, member
// algorithms).
type Algorithm int64

// Algorithms of credential keys, and the one of key agreement (§6.5.6).
const (
	ES256     Algorithm = -7
	EdDSA     Algorithm = -8 // Ed25519
	ECDHES256 Algorithm = -25
	ES384     Algorithm = -35
	ES512     Algorithm = -36
	ES256K    Algorithm = -47
	RS256     Algorithm = -257
)

// String gives the registry's name, or the number where it is not known here.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case EdDSA:
		return "EdDSA"
	case ECDHES256:
		return "ECDH-ES+HKDF-256"
	case ES384:
		return "ES384"
	case ES512:
		return "ES512"
	case ES256K:
		return "ES256K"
	case RS256:
		return "RS256"
	}
	return fmt.Sprintf("COSE %d", int64(a))
}

// Hash returns the hash whose digest the algorithm signs; 0 for EdDSA, which
// signs the message itself.
func (a Algorithm) Hash() crypto.Hash {
	switch a {
	case ES256, ES256K, RS256:
		return crypto.SHA256
	case ES384:
		return crypto.SHA384
	case ES512:
		return crypto.SHA512
	}
	return 0
}

// COSE key types and curves (RFC 9053 §7).
const (
	ktyOKP = 1
	ktyEC2 = 2
	ktyRSA = 3

	crvP256      = 1
	crvP384      = 2
	crvP521      = 3
	crvEd25519   = 6
	crvSecp256k1 = 8
)

type coseEC2 struct {
	Kty int64     `cbor:"1,keyasint"`
	Alg Algorithm `cbor:"3,keyasint"`
	Crv int64     `cbor:"-1,keyasint"`
	X   Bytes     `cbor:"-2,keyasint"`
	Y   Bytes     `cbor:"-3,keyasint"`
}

type coseOKP struct {
	Kty int64     `cbor:"1,keyasint"`
	Alg Algorithm `cbor:"3,keyasint"`
	Crv int64     `cbor:"-1,keyasint"`
	X   Bytes     `cbor:"-2,keyasint"`
}

type coseRSA struct {
	Kty int64     `cbor:"1,keyasint"`
	Alg Algorithm `cbor:"3,keyasint"`
	N   Bytes     `cbor:"-1,keyasint"`
	E   Bytes     `cbor:"-2,keyasint"`
}

// MarshalPublicKey encodes a credential's public key as a COSE_Key whose label
// 3 is alg (§6.1.2; WebAuthn §6.5.1.1). pub is an *ecdsa.PublicKey on P-256,
// P-384 or P-521, a *Secp256k1Point, an ed25519.PublicKey or an *rsa.PublicKey.
// Coordinates have their curve's full width.
func MarshalPublicKey(alg Algorithm, pub crypto.PublicKey) ([]byte, error) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		crv, size, err := curveOf(pub.Curve)
		if err != nil {
			return nil, err
		}
		point, err := pub.Bytes()
		if err != nil {
			return nil, fmt.Errorf("COSE key: %w", err)
		}
		x, y := point[1:1+size], point[1+size:]
		return Marshal(coseEC2{ktyEC2, alg, crv, x, y})
	case *Secp256k1Point:
		return Marshal(coseEC2{ktyEC2, alg, crvSecp256k1, pub.X[:], pub.Y[:]})
	case ed25519.PublicKey:
		return Marshal(coseOKP{ktyOKP, alg, crvEd25519, Bytes(pub)})
	case *rsa.PublicKey:
		return Marshal(coseRSA{ktyRSA, alg, pub.N.Bytes(), big.NewInt(int64(pub.E)).Bytes()})
	}
	return nil, fmt.Errorf("COSE key of %T", pub)
}

// UnmarshalPublicKey decodes a credential's COSE_Key into its algorithm and a
// key of the types that MarshalPublicKey takes. An algorithm named in this
// package must come with its own key type and curve (WebAuthn §5.8.5). Points
// are on their curve, save those of secp256k1, which are not checked; RSA moduli
// have 1024 to 8192 bits.
func UnmarshalPublicKey(data []byte) (Algorithm, crypto.PublicKey, error) {
	if x, y, ok := cutES256(data); ok {
		pub, err := parsePoint(elliptic.P256(), x, y)
		return ES256, pub, err
	}
	if err := CheckCanonical(data); err != nil {
		return 0, nil, fmt.Errorf("decode COSE key: %w", err)
	}
	var k interface {
		algorithm() (Algorithm, int64)
		publicKey() (crypto.PublicKey, error)
	}
	switch typeOf(data) {
	case ktyEC2:
		k = new(coseEC2)
	case ktyOKP:
		k = new(coseOKP)
	case ktyRSA:
		k = new(coseRSA)
	default:
		return 0, nil, errors.New("COSE key: not of a type that is known")
	}
	if err := decode(data, k); err != nil {
		return 0, nil, fmt.Errorf("decode COSE key: %w", err)
	}
	alg, kty := k.algorithm()
	if want := alg.keyType(); alg == 0 || want != 0 && want != kty {
		return 0, nil, fmt.Errorf("COSE key: %v with key type %d", alg, kty)
	}
	pub, err := k.publicKey()
	return alg, pub, err
}

// cutES256 gives the coordinates of a key of ES256. Most keys are such, and in
// canonical CBOR all that is not a coordinate is the same in each.
func cutES256(data []byte) (x, y []byte, ok bool) {
	const head, between, size = "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", "\x22\x58\x20", 32
	if len(data) != len(head)+size+len(between)+size {
		return nil, nil, false
	}
	x, y = data[len(head):][:size], data[len(data)-size:]
	return x, y, string(data[:len(head)]) == head && string(data[len(head)+size:][:len(between)]) == between
}

// typeOf reads label 1 of a COSE_Key: in canonical CBOR it comes first in every key
// of a type that is known, and takes one byte. It is 0 for all else.
func typeOf(data []byte) int64 {
	const mapType, label, most = 5, 1, 23
	if len(data) < 3 || data[0]>>5 != mapType || data[1] != label || data[2] > most {
		return 0
	}
	return int64(data[2])
}

func (k *coseEC2) algorithm() (Algorithm, int64) { return k.Alg, k.Kty }
func (k *coseOKP) algorithm() (Algorithm, int64) { return k.Alg, k.Kty }
func (k *coseRSA) algorithm() (Algorithm, int64) { return k.Alg, k.Kty }

// Secp256k1Point is a public key on secp256k1, a curve that the standard library
// lacks, by its coordinates.
type Secp256k1Point struct{ X, Y [32]byte }

// keyType returns the key type that the algorithm goes with; 0 if not known.
func (a Algorithm) keyType() int64 {
	switch a {
	case ES256, ES384, ES512, ES256K:
		return ktyEC2
	case EdDSA:
		return ktyOKP
	case RS256:
		return ktyRSA
	}
	return 0
}

// curve returns the curve that the algorithm goes with; 0 if not known.
func (a Algorithm) curve() int64 {
	switch a {
	case ES256:
		return crvP256
	case ES384:
		return crvP384
	case ES512:
		return crvP521
	case ES256K:
		return crvSecp256k1
	}
	return 0
}

func (k *coseOKP) publicKey() (crypto.PublicKey, error) {
	if k.Crv != crvEd25519 || len(k.X) != ed25519.PublicKeySize {
		return nil, errors.New("COSE key: not an Ed25519 key")
	}
	return ed25519.PublicKey(k.X), nil
}

func (k *coseRSA) publicKey() (crypto.PublicKey, error) {
	n, e := new(big.Int).SetBytes(k.N), new(big.Int).SetBytes(k.E)
	if n.BitLen() < 1024 || n.BitLen() > 8192 {
		return nil, fmt.Errorf("COSE key: RSA modulus of %d bits", n.BitLen())
	}
	if !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
		return nil, fmt.Errorf("COSE key: RSA exponent out of range")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (k *coseEC2) publicKey() (crypto.PublicKey, error) {
	if want := k.Alg.curve(); want != 0 && want != k.Crv {
		return nil, fmt.Errorf("COSE key: %v on curve %d", k.Alg, k.Crv)
	}
	var curve elliptic.Curve
	switch k.Crv {
	case crvP256:
		curve = elliptic.P256()
	case crvP384:
		curve = elliptic.P384()
	case crvP521:
		curve = elliptic.P521()
	case crvSecp256k1:
		if len(k.X) != 32 || len(k.Y) != 32 {
			return nil, fmt.Errorf("COSE key: secp256k1 coordinates are not 32 bytes")
		}
		return &Secp256k1Point{X: [32]byte(k.X), Y: [32]byte(k.Y)}, nil
	default:
		return nil, fmt.Errorf("COSE key: unknown curve %d", k.Crv)
	}
	return parsePoint(curve, k.X, k.Y)
}

// parsePoint makes a key of coordinates, which are to be of their curve's width.
func parsePoint(curve elliptic.Curve, x, y []byte) (crypto.PublicKey, error) {
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, fmt.Errorf("COSE key: coordinates are not %d bytes", size)
	}
	point := append(append(append(make([]byte, 0, 1+2*size), 4), x...), y...)
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("COSE key: %w", err)
	}
	return pub, nil
}

func curveOf(c elliptic.Curve) (crv int64, size int, err error) {
	switch name := c.Params().Name; name {
	case "P-256":
		return crvP256, 32, nil
	case "P-384":
		return crvP384, 48, nil
	case "P-521":
		return crvP521, 66, nil
	default:
		return 0, 0, fmt.Errorf("COSE key on curve %q", name)
	}
}

// KeyAgreementKey is one side's ephemeral P-256 key of PIN/UV key agreement, a
// COSE_Key (§6.5.6). Coordinates are 32 bytes.
type KeyAgreementKey struct {
	Kty int64     `cbor:"1,keyasint"`
	Alg Algorithm `cbor:"3,keyasint"`
	Crv int64     `cbor:"-1,keyasint"`
	X   Bytes     `cbor:"-2,keyasint"`
	Y   Bytes     `cbor:"-3,keyasint"`
}

// NewKeyAgreementKey encodes a P-256 public key.
func NewKeyAgreementKey(pub *ecdh.PublicKey) *KeyAgreementKey {
	point := pub.Bytes()
	return &KeyAgreementKey{ktyEC2, ECDHES256, crvP256, point[1:33], point[33:]}
}

// ECDH decodes the key: ErrInvalidParameter unless it is a point on P-256 with
// coordinates of 32 bytes.
func (k *KeyAgreementKey) ECDH() (*ecdh.PublicKey, error) {
	if k.Kty != ktyEC2 || k.Alg != ECDHES256 || k.Crv != crvP256 || len(k.X) != 32 || len(k.Y) != 32 {
		return nil, fmt.Errorf("key agreement: %w", ErrInvalidParameter)
	}
	point := append(append([]byte{4}, k.X...), k.Y...)
	pub, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w: %w", ErrInvalidParameter, err)
	}
	return pub, nil
}
