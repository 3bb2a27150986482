package brokenrp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/seed-77d61853/signet/ctap"
)

// COSE key types, curves and labels (RFC 9053 §7).
const (
	ktyOKP = 1
	ktyEC2 = 2
	ktyRSA = 3

	labelKty = 1
	labelAlg = 3
	labelD   = -4 // of EC2 and OKP
	labelRSA = -3 // the private exponent
)

// publicKey is a credential public key. Its key is one of *ecdsa.PublicKey,
// ed25519.PublicKey, *rsaKey and *secp256k1.PublicKey, or nil where a site that
// does not look has stored what is no key.
type publicKey struct {
	alg  ctap.Algorithm
	said []ctap.Algorithm // all that label 3 says: more than one only without the check
	key  crypto.PublicKey
}

// rsaKey is an RSA public key with whatever numbers came: crypto/rsa would refuse
// some that a check of ours is about.
type rsaKey struct{ n, e *big.Int }

// kinds tells what the algorithms of WebAuthn §5.8.5 need.
var kinds = map[ctap.Algorithm]struct {
	kty, crv int64
	curve    elliptic.Curve
}{
	ctap.ES256:  {ktyEC2, 1, elliptic.P256()},
	ctap.ES384:  {ktyEC2, 2, elliptic.P384()},
	ctap.ES512:  {ktyEC2, 3, elliptic.P521()},
	ctap.ES256K: {ktyEC2, 8, nil},
	ctap.EdDSA:  {ktyOKP, 6, nil},
	ctap.RS256:  {ktyRSA, 0, nil},
}

// publicKey is §7.1 step 20.
func (c *ceremony) publicKey(key item, offered []ctap.Algorithm) (*publicKey, error) {
	if key.major != majorMap {
		return nil, errors.New("credential public key is not a map")
	}
	kty, hasKty := integer(key, labelKty)
	alg, said := algorithm(key, kty)
	hasAlg := len(said) > 0
	if !hasKty {
		return nil, errors.New("credential public key has no type")
	}
	_, private := key.label(labelD)
	if kty == ktyRSA {
		_, private = key.label(labelRSA)
	}
	err := c.first(
		rule{"key.duplicate", key.odd&duplicate == 0},
		rule{"key.order", key.odd&(unsorted|longHead) == 0},
		rule{"key.indefinite", key.odd&indefinite == 0},
		rule{"key.private", !private},
		rule{"key.alg", hasAlg},
	)
	if err != nil {
		return nil, err
	}
	if !hasAlg {
		alg = guess(key, kty)
	}
	kind, known := kinds[alg]
	err = c.first(
		rule{"alg.requested", slices.Contains(offered, alg)},
		rule{"key.kty", !known || kind.kty == kty},
	)
	if err != nil {
		return nil, err
	}
	p := &publicKey{alg: alg, said: said}
	switch kty {
	case ktyEC2:
		p.key, err = c.ec2(key, alg)
	case ktyOKP:
		p.key, err = c.okp(key)
	case ktyRSA:
		p.key, err = c.rsa(key)
	default:
		err = fmt.Errorf("credential public key of type %d", kty)
	}
	return p, err
}

// algorithm reads label 3: of two the one that goes with the key's type.
func algorithm(key item, kty int64) (alg ctap.Algorithm, said []ctap.Algorithm) {
	for i := 0; i+1 < len(key.items); i += 2 {
		if n, ok := key.items[i].int(); !ok || n != labelAlg {
			continue
		}
		n, ok := key.items[i+1].int()
		if !ok {
			continue
		}
		if said = append(said, ctap.Algorithm(n)); len(said) == 1 || kinds[alg].kty != kty {
			alg = ctap.Algorithm(n)
		}
	}
	return alg, said
}

// guess is the algorithm that a key is mostly used with.
func guess(key item, kty int64) ctap.Algorithm {
	crv, _ := integer(key, -1)
	for alg, kind := range kinds {
		if kind.kty == kty && (kind.crv == crv || kty == ktyRSA) {
			return alg
		}
	}
	return 0
}

func integer(key item, label int64) (int64, bool) {
	it, ok := key.label(label)
	if !ok {
		return 0, false
	}
	return it.int()
}

// ec2 reads a point. Where the algorithm is not one of curves, crv tells.
func (c *ceremony) ec2(key item, alg ctap.Algorithm) (crypto.PublicKey, error) {
	crv, _ := integer(key, -1)
	kind := kinds[alg]
	if kind.kty != ktyEC2 {
		for _, k := range kinds {
			if k.kty == ktyEC2 && k.crv == crv {
				kind = k
			}
		}
	}
	size := 32
	if kind.curve != nil {
		size = (kind.curve.Params().BitSize + 7) / 8
	}
	x, ok := key.label(-2)
	xBytes, isBytes := x.bytes()
	if !ok || !isBytes {
		return nil, errors.New("credential public key has no x")
	}
	y, _ := key.label(-3)
	yBytes, yIsBytes := y.bytes()
	sign := y.major == majorSimple && y.raw != nil && (y.n == 20 || y.n == 21)
	err := c.first(
		rule{"key.crv", kind.kty == ktyEC2 && kind.crv == crv},
		rule{"key.width", len(xBytes) == size && (sign || len(yBytes) == size)},
		rule{"key.y", yIsBytes},
	)
	if err != nil {
		return nil, err
	}
	if !yIsBytes && !sign || len(xBytes) > size || len(yBytes) > size {
		return nil, errors.New("credential public key has no point")
	}
	point := append([]byte{4}, fill(xBytes, size)...)
	if sign {
		point[0] = byte(2 + y.n - 20)
	} else {
		point = append(point, fill(yBytes, size)...)
	}
	pub, err := parsePoint(kind.curve, point)
	if err != nil {
		return nil, c.first(rule{"key.curve", false})
	}
	return pub, nil
}

// parsePoint parses an encoded point; a nil curve is secp256k1.
func parsePoint(curve elliptic.Curve, point []byte) (crypto.PublicKey, error) {
	switch {
	case curve == nil:
		return secp256k1.ParsePubKey(point)
	case point[0] != 4:
		x, y := elliptic.UnmarshalCompressed(curve, point)
		if x == nil {
			return nil, errors.New("not a point")
		}
		size := (curve.Params().BitSize + 7) / 8
		point = append([]byte{4}, fill(x.Bytes(), size)...)
		point = append(point, fill(y.Bytes(), size)...)
	}
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

// fill puts zeros before b.
func fill(b []byte, size int) []byte {
	return append(make([]byte, max(0, size-len(b))), b...)
}

func (c *ceremony) okp(key item) (crypto.PublicKey, error) {
	crv, _ := integer(key, -1)
	x, _ := key.label(-2)
	b, ok := x.bytes()
	if crv != 6 || !ok || len(b) > ed25519.PublicKeySize {
		return nil, errors.New("credential public key is not Ed25519's")
	}
	short := len(b) != ed25519.PublicKeySize
	return ed25519.PublicKey(fill(b, ed25519.PublicKeySize)), c.first(
		rule{"key.okp.length", !short},
		rule{"key.okp.point", short || onEd25519(b)},
	)
}

func (c *ceremony) rsa(key item) (crypto.PublicKey, error) {
	n, _ := key.label(-1)
	e, _ := key.label(-2)
	nBytes, ok := n.bytes()
	eBytes, isBytes := e.bytes()
	if !ok || !isBytes || len(nBytes) > 1024 || len(eBytes) > 8 {
		return nil, errors.New("credential public key is not RSA's")
	}
	k := &rsaKey{new(big.Int).SetBytes(nBytes), new(big.Int).SetBytes(eBytes)}
	if k.n.Sign() == 0 {
		return nil, errors.New("credential public key has modulus zero")
	}
	return k, c.first(
		rule{"key.exponent", k.e.Bit(0) == 1 && k.e.Cmp(big.NewInt(3)) >= 0},
		rule{"key.modulus", k.n.BitLen() >= 2048},
	)
}

// Constants of edwards25519 (RFC 8032 §5.1).
var (
	edP, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	edD, _ = new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
)

// onEd25519 reports whether 32 bytes are a point of the curve whose order is not
// 8 or less: RFC 8032 §5.1.3, then three doublings, which must not end at the
// neutral element (y = 1).
func onEd25519(b []byte) bool {
	le := slices.Clone(b)
	slices.Reverse(le)
	le[0] &= 0x7F
	y := new(big.Int).SetBytes(le)
	if y.Cmp(edP) >= 0 {
		return false
	}
	one := big.NewInt(1)
	for range 3 {
		// x² = (y² - 1) / (d·y² + 1), and y of the double is
		// (y² + x²) / (1 - d·x²·y²).
		y2 := mod(new(big.Int).Mul(y, y))
		x2 := mod(new(big.Int).Mul(new(big.Int).Sub(y2, one), inverse(new(big.Int).Add(new(big.Int).Mul(edD, y2), one))))
		if big.Jacobi(x2, edP) < 0 {
			return false
		}
		product := mod(new(big.Int).Mul(edD, new(big.Int).Mul(x2, y2)))
		y = mod(new(big.Int).Mul(new(big.Int).Add(y2, x2), inverse(new(big.Int).Sub(one, product))))
	}
	return y.Cmp(one) != 0
}

func mod(n *big.Int) *big.Int { return n.Mod(n, edP) }

// inverse is zero for zero.
func inverse(n *big.Int) *big.Int {
	return new(big.Int).Exp(mod(n), new(big.Int).Sub(edP, big.NewInt(2)), edP)
}

// standard gives the key as the standard library has it; nil where it cannot.
func (k *rsaKey) standard() crypto.PublicKey {
	if !k.e.IsInt64() || k.e.Int64() > 1<<31-1 {
		return nil
	}
	return &rsa.PublicKey{N: k.n, E: int(k.e.Int64())}
}
