package brokenrp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/seed-77d61853/signet/ctap"
)

// verify verifies a signature over a message; check is the name of the check
// that makes a wrong one count. The signature's form is judged before.
func (c *ceremony) verify(check string, key crypto.PublicKey, alg ctap.Algorithm, message, sig []byte) error {
	if len(sig) == 0 {
		return c.first(rule{"signature.empty", false})
	}
	fits, err := c.fits(key, alg, message, sig)
	if err != nil {
		return err
	}
	if check == "signature" {
		return c.alike(check, fits)
	}
	return c.first(rule{check, fits})
}

// fits reports whether a signature fits; the error is one of its form.
func (c *ceremony) fits(key crypto.PublicKey, alg ctap.Algorithm, message, sig []byte) (bool, error) {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig), nil
	case *rsaKey:
		return key.fits(alg, message, sig), nil
	case *rsa.PublicKey: // a certificate's
		return (&rsaKey{key.N, big.NewInt(int64(key.E))}).fits(alg, message, sig), nil
	case *ecdsa.PublicKey:
		return c.fitsECDSA(key.Curve.Params().N, sig, func(r, s *big.Int) bool {
			return ecdsa.Verify(key, digest(alg, message), r, s)
		})
	case *secp256k1.PublicKey:
		return c.fitsECDSA(secp256k1.Params().N, sig, func(r, s *big.Int) bool {
			var sr, ss secp256k1.ModNScalar
			sr.SetByteSlice(r.Bytes())
			ss.SetByteSlice(s.Bytes())
			return secp256k1ecdsa.NewSignature(&sr, &ss).Verify(digest(alg, message), key)
		})
	case nil:
		return false, nil // stored unseen
	}
	return false, fmt.Errorf("signature by a key of %T", key)
}

// digest is the message's under the algorithm's hash; SHA-256 for those that
// are not known.
func digest(alg ctap.Algorithm, message []byte) []byte {
	hash := alg.Hash()
	if hash == 0 {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// fitsECDSA judges the integers of a signature over a group of order n.
func (c *ceremony) fitsECDSA(n *big.Int, sig []byte, verify func(r, s *big.Int) bool) (bool, error) {
	r, s, err := c.integers(sig, (n.BitLen()+7)/8)
	if err != nil {
		return false, err
	}
	zero := new(big.Int).Mod(r, n).Sign() == 0 || new(big.Int).Mod(s, n).Sign() == 0
	half := new(big.Int).Rsh(n, 1)
	err = c.first(
		rule{"signature.range", !zero},
		rule{"signature.reduced", zero || r.Cmp(n) < 0 && s.Cmp(n) < 0},
		rule{"accept.highS", zero || s.Cmp(half) <= 0},
	)
	if err != nil || zero {
		return err == nil, err // what a verifier finds that inverts zero
	}
	return verify(r.Mod(r, n), s.Mod(s, n)), nil
}

// integers reads a signature: SEQUENCE { r INTEGER, s INTEGER } in DER.
func (c *ceremony) integers(sig []byte, size int) (r, s *big.Int, err error) {
	d := der{}
	body, rest := d.element(sig, 0x30)
	rBytes, body := d.element(body, 0x02)
	sBytes, body := d.element(body, 0x02)
	if d.bad || len(rBytes) == 0 || len(sBytes) == 0 || rBytes[0] >= 0x80 || sBytes[0] >= 0x80 {
		if len(sig) == 2*size {
			err = c.first(rule{"signature.raw", false})
			return new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]), err
		}
		return nil, nil, errors.New("signature is not DER")
	}
	return new(big.Int).SetBytes(rBytes), new(big.Int).SetBytes(sBytes), c.first(
		rule{"signature.length", !d.long},
		rule{"signature.trailing", len(rest) == 0},
		rule{"signature.members", len(body) == 0},
		rule{"signature.zeros", minimal(rBytes) && minimal(sBytes)},
	)
}

func minimal(b []byte) bool { return len(b) == 1 || b[0] != 0 || b[1] >= 0x80 }

// der reads elements and remembers what was wrong.
type der struct {
	bad  bool // not even BER
	long bool // a length in more bytes than it needs
}

// element reads an element with the tag from the start of b, and what follows.
func (d *der) element(b []byte, tag byte) (content, rest []byte) {
	if d.bad || len(b) < 2 || b[0] != tag {
		d.bad = true
		return nil, nil
	}
	length, b := int(b[1]), b[2:]
	if length > 0x80 {
		n := length - 0x80
		if n > 4 || len(b) < n {
			d.bad = true
			return nil, nil
		}
		length = 0
		for _, x := range b[:n] {
			length = length<<8 | int(x)
		}
		d.long = d.long || length < 0x80 || b[0] == 0
		b = b[n:]
	} else if length == 0x80 {
		d.bad = true
		return nil, nil
	}
	if length > len(b) {
		d.bad = true
		return nil, nil
	}
	return b[:length], b[length:]
}

// The DER of DigestInfo before the digest (RFC 8017 §9.2).
var digestInfo = map[int][]byte{
	20: {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
	32: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	48: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	64: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

// fits verifies RSASSA-PKCS1-v1_5 by making the whole encoded message
// (RFC 8017 §8.2.2), for keys of every size and exponent.
func (k *rsaKey) fits(alg ctap.Algorithm, message, sig []byte) bool {
	size := (k.n.BitLen() + 7) / 8
	s := new(big.Int).SetBytes(sig)
	sum := digest(alg, message)
	info := append(bytes.Clone(digestInfo[len(sum)]), sum...)
	if len(sig) != size || s.Cmp(k.n) >= 0 || size < len(info)+11 {
		return false
	}
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, size-len(info)-3)...)
	want = append(append(want, 0), info...)
	got := fill(new(big.Int).Exp(s, k.e, k.n).Bytes(), size)
	return bytes.Equal(got, want)
}

// algorithmsOf lists the algorithms that a certificate's key signs with.
func algorithmsOf(key crypto.PublicKey) []ctap.Algorithm {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return []ctap.Algorithm{ctap.EdDSA}
	case *rsa.PublicKey:
		return []ctap.Algorithm{ctap.RS256, rs1}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []ctap.Algorithm{ctap.ES256}
		case elliptic.P384():
			return []ctap.Algorithm{ctap.ES384}
		case elliptic.P521():
			return []ctap.Algorithm{ctap.ES512}
		}
	}
	return nil
}

// rs1 is RSASSA-PKCS1-v1_5 with SHA-1, which old TPMs sign with.
const rs1 ctap.Algorithm = -65535
