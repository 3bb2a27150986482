package pinuv

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

func TestHashPIN(t *testing.T) {
	if got := HashPIN([]byte("1234")); !bytes.Equal(got[:], unhex(t, "03ac674216f3e15c761ee1a5e255f067")) {
		t.Errorf("got %x", got)
	}
}

func TestPadPIN(t *testing.T) {
	for _, c := range []struct {
		name, pin string
		ok        bool
	}{
		{"empty", "", true},
		{"usual", "1234", true},
		{"longest", strings.Repeat("9", 63), true},
		{"zero inside", "12\x0034", true},
		{"not ASCII", "пароль密码", true},
		{"too long", strings.Repeat("9", 64), false},
		{"much too long", strings.Repeat("9", 300), false},
		{"ends in zero", "1234\x00", false},
	} {
		padded, err := PadPIN([]byte(c.pin))
		if !c.ok {
			if ctap.StatusOf(err) != ctap.ErrPINPolicyViolation {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || len(padded) != 64 {
			t.Errorf("%s: %d bytes, %v", c.name, len(padded), err)
			continue
		}
		if pin, err := UnpadPIN(padded); err != nil || string(pin) != c.pin {
			t.Errorf("%s: came back as %q, %v", c.name, pin, err)
		}
	}
}

func TestUnpadPINRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		padded []byte
		want   ctap.Status
	}{
		{"nothing", nil, ctap.ErrInvalidParameter},
		{"16 bytes", make([]byte, 16), ctap.ErrInvalidParameter},
		{"63 bytes", make([]byte, 63), ctap.ErrInvalidParameter},
		{"65 bytes", make([]byte, 65), ctap.ErrInvalidParameter},
		{"80 bytes", make([]byte, 80), ctap.ErrInvalidParameter},
		{"64 characters", bytes.Repeat([]byte{'9'}, 64), ctap.ErrPINPolicyViolation},
		{"zeros, then a character", append(make([]byte, 63), '9'), ctap.ErrPINPolicyViolation},
	} {
		if _, err := UnpadPIN(c.padded); ctap.StatusOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What UnpadPIN accepts, PadPIN restores.
func FuzzUnpadPIN(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(append([]byte("1234"), make([]byte, 60)...))
	f.Add(bytes.Repeat([]byte{'9'}, 64))
	f.Fuzz(func(t *testing.T, padded []byte) {
		pin, err := UnpadPIN(padded)
		if err != nil {
			return
		}
		if again, err := PadPIN(pin); err != nil || !bytes.Equal(again, padded) {
			t.Fatalf("%x became %x (%v)", padded, again, err)
		}
	})
}
