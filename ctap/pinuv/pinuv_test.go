package pinuv

import (
	"bytes"
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

// counting is 00 01 02 ... 1f: the Z and the token of the known answers.
func counting() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func secret(t testing.TB, p Protocol) *SharedSecret {
	t.Helper()
	s, err := NewSharedSecret(p, counting())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Known answers computed from the definitions in §6.5.6 and §6.5.7 with Z =
// 00..1f, by other means than this package.
func TestKDF(t *testing.T) {
	for _, c := range []struct {
		p        Protocol
		mac, aes string
	}{
		{One, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd", "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"},
		{Two, "a689b3b92a6ebab91192408da9c4f05c674a2bc5f938d613077716c719a8df39", "0f6ff2ef211829c11638ef2893ea02edf195658c0572393e7680d93bc2b58d44"},
	} {
		s := secret(t, c.p)
		if !bytes.Equal(s.macKey[:], unhex(t, c.mac)) || !bytes.Equal(s.aesKey[:], unhex(t, c.aes)) {
			t.Errorf("protocol %d: keys %x %x", c.p, s.macKey, s.aesKey)
		}
	}
}
