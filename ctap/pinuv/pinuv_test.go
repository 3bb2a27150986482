package pinuv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// counting is 00 01 02 ... of n bytes: the Z, token and IV of the known answers,
// which were computed from the standard's definitions by other means.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func secret(t testing.TB, p Protocol) *SharedSecret {
	t.Helper()
	s, err := NewSharedSecret(p, counting(32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokenKnownAnswers(t *testing.T) {
	ff := bytes.Repeat([]byte{0xFF}, 32)
	initial := sha256.Sum256(unhex(t, "8076be8b528d0075f7aae98d6fa57a6d3c"))
	for _, c := range []struct {
		name string
		p    Protocol
		msg  [][]byte
		want string
	}{
		{"getCredsMetadata", One, [][]byte{{1}}, "9b4c8120a4823a95f47cde17a244f450"},
		{"getCredsMetadata", Two, [][]byte{{1}}, "9b4c8120a4823a95f47cde17a244f4507244ee6e3957d1fab9fa29b44d3829b7"},
		{"toggleAlwaysUv", Two, [][]byte{ff, {0x0D, 0x02}}, "32cf0f9234e40e7ac115bf2eef1a33b55404f74cb39063c9e46037fc672fd963"},
		{"largeBlobs", Two, [][]byte{ff, {0x0C, 0, 0, 0, 0, 0}, initial[:]}, "008b5df6adffc88a1ed8861176ccd3e55277ab04720916aaf5d3c176b15dee38"},
	} {
		got := Authenticate(c.p, counting(32), c.msg...)
		if !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s, protocol %d: %x, want %s", c.name, c.p, got, c.want)
		}
		if !Verify(c.p, counting(32), got, c.msg...) {
			t.Errorf("%s, protocol %d: does not verify", c.name, c.p)
		}
	}
}

// A signature verifies whole and unchanged, or not at all.
func TestVerifyRefuses(t *testing.T) {
	token, msg := counting(32), []byte("message")
	for _, p := range []Protocol{One, Two} {
		sig := Authenticate(p, token, msg)
		flipped := bytes.Clone(sig)
		flipped[len(sig)-1] ^= 1
		for name, bad := range map[string][]byte{
			"nil":             nil,
			"empty":           {},
			"cut by one":      sig[:len(sig)-1],
			"longer by one":   append(bytes.Clone(sig), 0),
			"last bit":        flipped,
			"other protocol":  Authenticate(One+Two-p, token, msg),
			"half":            sig[:len(sig)/2],
			"of other token":  Authenticate(p, counting(31), msg),
			"of other text":   Authenticate(p, token, msg, []byte{0}),
			"of empty string": Authenticate(p, token),
		} {
			if Verify(p, token, bad, msg) {
				t.Errorf("protocol %d: verified a signature that is %s", p, name)
			}
		}
		if Verify(p, nil, Authenticate(p, nil, msg), msg) {
			t.Errorf("protocol %d: an empty token verified", p)
		}
	}
	for _, p := range []Protocol{0, 3, 1 << 63} {
		if p.Valid() || Authenticate(p, token, msg) != nil || Verify(p, token, nil, msg) {
			t.Errorf("protocol %d is not refused", p)
		}
	}
}

// The pieces of a message are authenticated as if they were one.
func TestPiecesConcatenate(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		whole := Authenticate(p, counting(32), []byte("abcdef"))
		if !Verify(p, counting(32), whole, []byte("ab"), nil, []byte("cdef")) {
			t.Errorf("protocol %d: pieces differ from the whole", p)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	token, hash := counting(32), counting(32)
	sig := Authenticate(Two, token, hash)
	b.ReportAllocs()
	for b.Loop() {
		if !Verify(Two, token, sig, hash) {
			b.Fatal("does not verify")
		}
	}
}
