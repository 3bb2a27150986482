package ctap

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseAPDU(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		data      string
		le        int
		extended  bool
	}{
		{"header alone", "00 03 00 00", "", 0, false},
		{"short Le", "00 03 00 00 10", "", 16, false},
		{"short Le of zero", "00 03 00 00 00", "", 256, false},
		{"short data", "00 01 00 00 02 aabb", "aabb", 0, false},
		{"short data and Le", "00 01 00 00 02 aabb 05", "aabb", 5, false},
		{"short data and Le of zero", "00 01 00 00 02 aabb 00", "aabb", 256, false},
		{"SELECT", "00 a4 04 00 08 a0000006472f0001", "a0000006472f0001", 0, false},
		{"longest short data", "00 01 00 00 ff " + strings.Repeat("07", 255), strings.Repeat("07", 255), 0, false},
		{"extended Le", "00 03 00 00 00 0100", "", 256, true},
		{"extended Le of zero", "00 03 00 00 00 0000", "", 65536, true},
		{"extended data", "00 01 00 00 00 0003 aabbcc", "aabbcc", 0, true},
		{"extended data and Le", "00 01 00 00 00 0003 aabbcc 0100", "aabbcc", 256, true},
		{"extended data and Le of zero", "00 01 00 00 00 0003 aabbcc 0000", "aabbcc", 65536, true},
		{"extended data of one byte", "00 01 00 00 00 0001 aa", "aa", 0, true},
		{"extended data of 300", "00 01 00 00 00 012c" + strings.Repeat("07", 300), strings.Repeat("07", 300), 0, true},

		{"short Lc of zero, then Le", "00 03 00 00 00 00", "", 256, false},
		{"extended Lc of zero, then Le", "00 03 00 00 00 0000 0000", "", 65536, true},
	} {
		a, err := ParseAPDU(unhex(t, c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !bytes.Equal(a.Data, unhex(t, c.data)) || a.Le != c.le || a.Extended != c.extended {
			t.Errorf("%s: data %x, Le %d, extended %v", c.name, a.Data, a.Le, a.Extended)
		}
	}
	a, err := ParseAPDU(unhex(t, "80 10 11 22 00"))
	if err != nil || a.CLA != 0x80 || a.INS != 0x10 || a.P1 != 0x11 || a.P2 != 0x22 {
		t.Errorf("header %+v (%v)", a, err)
	}
}

func TestParseAPDURefuses(t *testing.T) {
	for _, s := range []string{
		"", "00", "00 01 00",
		"00 01 00 00 03 aabb", "00 01 00 00 01 aabbcc", "00 01 00 00 02 aa",
		"00 01 00 00 00 0003 aabb", "00 01 00 00 00 0001 aa 00", "00 01 00 00 00 0001 aa 000000", "00 01 00 00 00 0000 00",
	} {
		a, err := ParseAPDU(unhex(t, s))
		var sw StatusWord
		if a != nil || !errors.As(err, &sw) || sw != SWWrongLength {
			t.Errorf("%s: %+v, %v", s, a, err)
		}
	}
}

func TestStatusWord(t *testing.T) {
	if got := SWNoError.Append([]byte{1}); !bytes.Equal(got, []byte{1, 0x90, 0}) {
		t.Errorf("appended %x", got)
	}
	if got := SWWrongData.Error(); got != "status word 6A80" {
		t.Errorf("reads %q", got)
	}
}

// encodeAPDU writes an APDU with data, or Le, or both, in the form that a says.
func encodeAPDU(a *APDU) []byte {
	b := []byte{a.CLA, a.INS, a.P1, a.P2}
	if a.Extended {
		b = append(b, 0)
		if len(a.Data) > 0 {
			b = append(b, byte(len(a.Data)>>8), byte(len(a.Data)))
		}
	} else if len(a.Data) > 0 {
		b = append(b, byte(len(a.Data)))
	}
	b = append(b, a.Data...)
	switch {
	case a.Le == 0:
	case a.Extended:
		b = append(b, byte(a.Le>>8), byte(a.Le))
	default:
		b = append(b, byte(a.Le))
	}
	return b
}

// A command that was parsed means the same when it is written plainly.
func FuzzParseAPDU(f *testing.F) {
	for _, s := range []string{
		"00030000", "0003000000", "00030000000000", "000300000000000000", "0001000002aabb00", "00010000000003aabbcc0000", "00a4040008a0000006472f0001",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAPDU(data)
		if err != nil {
			var sw StatusWord
			if !errors.As(err, &sw) || sw != SWWrongLength {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(a.Data) > 65535 || a.Le > 65536 || !a.Extended && (len(a.Data) > 255 || a.Le > 256) {
			t.Fatalf("lengths %d, %d", len(a.Data), a.Le)
		}
		again, err := ParseAPDU(encodeAPDU(a))
		if err != nil || !bytes.Equal(again.Data, a.Data) || again.Le != a.Le || again.Extended != a.Extended {
			t.Fatalf("%+v became %+v (%v)", a, again, err)
		}
	})
}
