package ctap

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// The generators of P-256 and secp256k1 (SEC 2 §2.4.2, §2.4.1), and the public
// key of the first test of RFC 8032 §7.1.
const (
	p256GX  = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	p256GY  = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
	k256GX  = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	k256GY  = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	rfc8032 = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func p256Generator(t testing.TB) *ecdsa.PublicKey {
	t.Helper()
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, "04"+p256GX+p256GY))
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func secp256k1Generator(t testing.TB) *Secp256k1Point {
	return &Secp256k1Point{X: [32]byte(unhex(t, k256GX)), Y: [32]byte(unhex(t, k256GY))}
}

func modulus(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.Add(n, big.NewInt(1))
}

// Keys in the order of their labels: 1, 3, -1, -2, -3.
func TestPublicKeyBothWays(t *testing.T) {
	for _, c := range []struct {
		name string
		alg  Algorithm
		pub  crypto.PublicKey
		hex  string
	}{
		{"P-256", ES256, p256Generator(t), "a5 01 02 03 26 20 01 21 5820" + p256GX + "22 5820" + p256GY},
		{"P-256 by its other number", -9, p256Generator(t), "a5 01 02 03 28 20 01 21 5820" + p256GX + "22 5820" + p256GY},
		{"secp256k1", ES256K, secp256k1Generator(t), "a5 01 02 03 382e 20 08 21 5820" + k256GX + "22 5820" + k256GY},
		{"Ed25519", EdDSA, ed25519.PublicKey(unhex(t, rfc8032)), "a4 01 01 03 27 20 06 21 5820" + rfc8032},
		{
			"RSA", RS256, &rsa.PublicKey{N: modulus(2048), E: 65537},
			"a4 01 03 03 390100 20 590100 80" + strings.Repeat("00", 254) + "01 21 43 010001",
		},
	} {
		got, err := MarshalPublicKey(c.alg, c.pub)
		if err != nil || !bytes.Equal(got, unhex(t, c.hex)) {
			t.Errorf("%s: encoded %x (%v)", c.name, got, err)
			continue
		}
		alg, pub, err := UnmarshalPublicKey(got)
		if err != nil || alg != c.alg || !reflect.DeepEqual(pub, c.pub) {
			t.Errorf("%s: decoded %v %v (%v)", c.name, alg, pub, err)
		}
	}
}

// Coordinates that start with zeros keep their width.
func TestPublicKeyWidth(t *testing.T) {
	for _, c := range []struct {
		alg   Algorithm
		curve elliptic.Curve
		size  int
	}{{ES256, elliptic.P256(), 32}, {ES384, elliptic.P384(), 48}, {ES512, elliptic.P521(), 66}} {
		var zeroX, zeroY bool
		for n := uint64(1); n < 4000 && !(zeroX && zeroY); n++ {
			priv, err := ecdsa.ParseRawPrivateKey(c.curve, binary.BigEndian.AppendUint64(make([]byte, c.size-8), n))
			if err != nil {
				t.Fatal(err)
			}
			data, err := MarshalPublicKey(c.alg, priv.Public())
			if err != nil {
				t.Fatal(err)
			}
			var k coseEC2
			if err := Unmarshal(data, &k); err != nil || len(k.X) != c.size || len(k.Y) != c.size {
				t.Fatalf("%v, scalar %d: coordinates of %d and %d bytes (%v)", c.alg, n, len(k.X), len(k.Y), err)
			}
			zeroX, zeroY = zeroX || k.X[0] == 0, zeroY || k.Y[0] == 0
			if k.X[0] != 0 && k.Y[0] != 0 {
				continue
			}
			if _, pub, err := UnmarshalPublicKey(data); err != nil || !priv.PublicKey.Equal(pub) {
				t.Errorf("%v, scalar %d: did not come back (%v)", c.alg, n, err)
			}
		}
		if !zeroX || !zeroY {
			t.Errorf("%v: no coordinate with a leading zero met", c.alg)
		}
	}
}

func TestUnmarshalPublicKeyRefuses(t *testing.T) {
	x, y := "21 5820"+p256GX, "22 5820"+p256GY
	for _, c := range []struct{ name, hex string }{
		{"nothing", ""},
		{"empty map", "a0"},
		{"no key type", "a4 03 26 20 01" + x + y},
		{"no algorithm", "a4 01 02 20 01" + x + y},
		{"no curve", "a4 01 02 03 26" + x + y},
		{"no x", "a4 01 02 03 26 20 01" + y},
		{"no y", "a4 01 02 03 26 20 01" + x},
		{"labels out of order", "a5 03 26 01 02 20 01" + x + y},
		{"trailing byte", "a5 01 02 03 26 20 01" + x + y + "00"},
		{"unknown key type", "a5 01 04 03 2d 20 01" + x + y},
		{"unknown curve", "a5 01 02 03 28 20 09" + x + y},
		{"ES256 on P-384", "a5 01 02 03 26 20 02 21 5830" + strings.Repeat("00", 48) + "22 5830" + strings.Repeat("00", 48)},
		{"ES256K on P-256", "a5 01 02 03 382e 20 01" + x + y},
		{"RS256 with an EC key", "a5 01 02 03 390100 20 01" + x + y},
		{"ES256 with an OKP key", "a4 01 01 03 26 20 06 21 5820" + rfc8032},
		{"x of 31 bytes", "a5 01 02 03 26 20 01 21 581f" + p256GX[2:] + y},
		{"x of 33 bytes", "a5 01 02 03 26 20 01 21 5821 00" + p256GX + y},
		{"a byte moved from x to y", "a5 01 02 03 26 20 01 21 581f" + p256GX[:62] + "22 5821" + p256GX[62:] + p256GY},
		{"compressed y", "a5 01 02 03 26 20 01" + x + "22 f5"},
		{"x as text", "a5 01 02 03 26 20 01 21 61 61" + y},
		{"not on the curve", "a5 01 02 03 26 20 01" + x + "22 5820" + p256GX},
		{"the point at infinity", "a5 01 02 03 26 20 01 21 5820" + strings.Repeat("00", 32) + "22 5820" + strings.Repeat("00", 32)},
		{"secp256k1 of 31 bytes", "a5 01 02 03 382e 20 08 21 581f" + p256GX[2:] + y},
		{"Ed25519 of 31 bytes", "a4 01 01 03 27 20 06 21 581f" + rfc8032[2:]},
		{"X25519", "a4 01 01 03 27 20 04 21 5820" + rfc8032},
		{"algorithm beyond int64", "a5 01 02 03 3bffffffffffffffff 20 01" + x + y},
		{"algorithm as text", "a5 01 02 03 61 61 20 01" + x + y},
		{"RSA without modulus", "a3 01 03 03 390100 21 43 010001"},
		{"RSA of 512 bits", "a4 01 03 03 390100 20 5840" + strings.Repeat("ff", 64) + "21 43 010001"},
		{"RSA of 16384 bits", "a4 01 03 03 390100 20 590800" + strings.Repeat("ff", 2048) + "21 43 010001"},
		{"RSA without exponent", "a3 01 03 03 390100 20 590100" + strings.Repeat("ff", 256)},
		{"RSA with exponent one", "a4 01 03 03 390100 20 590100" + strings.Repeat("ff", 256) + "21 41 01"},
		{"RSA with exponent 2^64", "a4 01 03 03 390100 20 590100" + strings.Repeat("ff", 256) + "21 49 010000000000000000"},
	} {
		if _, pub, err := UnmarshalPublicKey(unhex(t, c.hex)); err == nil || pub != nil {
			t.Errorf("%s: %v, %v", c.name, pub, err)
		}
	}
	for _, pub := range []crypto.PublicKey{nil, "key", &ecdsa.PublicKey{Curve: elliptic.P224()}} {
		if data, err := MarshalPublicKey(ES256, pub); err == nil {
			t.Errorf("encoded %T as %x", pub, data)
		}
	}
}

func TestKeyAgreementKey(t *testing.T) {
	pub, err := ecdh.P256().NewPublicKey(unhex(t, "04"+p256GX+p256GY))
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeyAgreementKey(pub)
	want := unhex(t, "a5 01 02 03 3818 20 01 21 5820"+p256GX+"22 5820"+p256GY)
	if got := encode(t, k); !bytes.Equal(got, want) {
		t.Errorf("encoded %x", got)
	}
	if got, err := k.ECDH(); err != nil || !got.Equal(pub) {
		t.Errorf("decoded %v (%v)", got, err)
	}
	moved := *k
	moved.X, moved.Y = k.X[:31], append(Bytes{k.X[31]}, k.Y...)
	if _, err := moved.ECDH(); StatusOf(err) != ErrInvalidParameter {
		t.Errorf("a byte moved from x to y: %v", err)
	}
	k.Y[31] ^= 1
	if _, err := k.ECDH(); StatusOf(err) != ErrInvalidParameter {
		t.Errorf("a point off the curve: %v", err)
	}
}

func TestAlgorithm(t *testing.T) {
	for _, c := range []struct {
		alg  Algorithm
		name string
		hash crypto.Hash
	}{
		{-7, "ES256", crypto.SHA256}, {-35, "ES384", crypto.SHA384}, {-36, "ES512", crypto.SHA512},
		{-8, "EdDSA", 0}, {-257, "RS256", crypto.SHA256}, {-47, "ES256K", crypto.SHA256},
		{-25, "ECDH-ES+HKDF-256", 0}, {-65535, "COSE -65535", 0},
	} {
		if c.alg.String() != c.name || c.alg.Hash() != c.hash {
			t.Errorf("%d: %s, %v", c.alg, c.alg, c.alg.Hash())
		}
	}
}

// A key that decodes encodes to a COSE_Key that decodes to the same key.
func FuzzUnmarshalPublicKey(f *testing.F) {
	for _, c := range loadCeremonies(f) {
		_, reg := c.registered(f)
		f.Add(reg.PublicKey)
	}
	point, err := MarshalPublicKey(ES256K, secp256k1Generator(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(point)
	f.Fuzz(func(t *testing.T, data []byte) {
		alg, pub, err := UnmarshalPublicKey(data)
		if err != nil {
			return
		}
		again, err := MarshalPublicKey(alg, pub)
		if err != nil {
			t.Fatal(err)
		}
		alg2, pub2, err := UnmarshalPublicKey(again)
		if err != nil || alg2 != alg || !reflect.DeepEqual(pub2, pub) {
			t.Fatalf("%v %v became %v %v (%v)", alg, pub, alg2, pub2, err)
		}
	})
}

// Of a key of ES256 all bytes are the same in each that are not coordinates: with one
// of them changed it is none.
func TestES256IsWhole(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := MarshalPublicKey(ES256, &private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 42, 43, 44} {
		for bit := range 8 {
			changed := bytes.Clone(key)
			changed[i] ^= 1 << bit
			if alg, _, err := UnmarshalPublicKey(changed); err == nil && alg == ES256 {
				t.Errorf("byte %d, bit %d", i, bit)
			}
		}
	}
	for i := 10; i < len(key); i++ {
		if i == 42 {
			i += 3
		}
		changed := bytes.Clone(key)
		changed[i] ^= 1
		if _, _, err := UnmarshalPublicKey(changed); err == nil {
			t.Errorf("off the curve at byte %d", i)
		}
	}
}
