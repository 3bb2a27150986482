package software

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// zeros is something to be signed with an algorithm.
func zeros(alg ctap.Algorithm) []byte {
	if h := alg.Hash(); h != 0 {
		return make([]byte, h.Size())
	}
	return make([]byte, 32)
}

// TestStoredKeys sends every kind of key through its encoding.
func TestStoredKeys(t *testing.T) {
	for _, a := range newDisk().open().Algorithms() {
		k, err := generateKey(a.ID)
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.appendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseStored(b)
		if err != nil || again.alg != a.ID {
			t.Fatalf("%v: %v", a.ID, err)
		}
		x, errX := ctap.MarshalPublicKey(a.ID, k.pub)
		y, errY := ctap.MarshalPublicKey(a.ID, again.pub)
		if err := errors.Join(errX, errY); err != nil || !bytes.Equal(x, y) {
			t.Errorf("%v: public halves differ: %v", a.ID, err)
		}
		digest := zeros(a.ID)
		s1, err1 := k.sign(nil, digest, a.ID.Hash())
		s2, err2 := again.sign(nil, digest, a.ID.Hash())
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(s1, s2) {
			t.Errorf("%v: deterministic signatures differ: %v", a.ID, err)
		}
		for i := range b {
			if _, err := parseStored(b[:i]); !errors.Is(err, keystore.ErrCorrupt) {
				t.Errorf("%v cut at %d: %v", a.ID, i, err)
			}
		}
	}
}

// TestLeadingZeros sends scalars with leading zero bytes through the encoding.
func TestLeadingZeros(t *testing.T) {
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.ES256K} {
		size := map[ctap.Algorithm]int{ctap.ES384: 48, ctap.ES512: 66}[alg]
		scalar := make([]byte, max(32, size))
		scalar[len(scalar)-1] = 5
		k, err := parseKey(alg, scalar)
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.appendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseStored(b); err != nil {
			t.Errorf("%v: %v", alg, err)
		}
		if _, err := parseKey(alg, scalar[1:]); err == nil {
			t.Errorf("%v took a short scalar", alg)
		}
		for _, bad := range [][]byte{make([]byte, len(scalar)), bytes.Repeat([]byte{0xff}, len(scalar))} {
			if _, err := parseKey(alg, bad); err == nil {
				t.Errorf("%v took the scalar %x", alg, bad)
			}
		}
	}
}

// TestRFC6979 holds deterministic signatures to RFC 6979 A.2.5, "sample" with
// SHA-256 on P-256.
func TestRFC6979(t *testing.T) {
	k, err := parseKey(ctap.ES256, unhex(t, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("sample"))
	sig, err := k.sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	r := unhex(t, "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716")
	s := unhex(t, "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")
	want := slices.Concat([]byte{0x30, 0x46, 2, 0x21, 0}, r, []byte{2, 0x21, 0}, s)
	if !bytes.Equal(sig, want) {
		t.Errorf("signature = %x, want %x", sig, want)
	}
	if !ecdsa.VerifyASN1(k.pub.(*ecdsa.PublicKey), digest[:], sig) || k.pub.(*ecdsa.PublicKey).Curve != elliptic.P256() {
		t.Error("it does not verify")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var b []byte
	if _, err := fmt.Sscanf(s, "%X", &b); err != nil {
		t.Fatal(err)
	}
	return b
}
