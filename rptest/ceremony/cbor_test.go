package ceremony

import (
	"bytes"
	"testing"
)

func TestCutHead(t *testing.T) {
	for _, c := range []struct {
		in   string
		head Head
		rest string
	}{
		{"\x00", Head{Major: MajorUint}, ""},
		{"\x17\x01", Head{Major: MajorUint, Count: 23}, "\x01"},
		{"\x38\x18", Head{Major: MajorNegative, Count: 24}, ""},
		{"\x59\x01\x02x", Head{Major: MajorBytes, Count: 0x102}, "x"},
		{"\x7a\x01\x02\x03\x04", Head{Major: MajorText, Count: 0x1020304}, ""},
		{"\x9b\x01\x02\x03\x04\x05\x06\x07\x08", Head{Major: MajorArray, Count: 0x102030405060708}, ""},
		{"\xbf\xff", Head{Major: MajorMap, Indefinite: true}, "\xff"},
		{"\xc1\x00", Head{Major: MajorTag, Count: 1}, "\x00"},
		{"\xf5", Head{Major: MajorSimple, Count: 21}, ""},
	} {
		h, rest, ok := CutHead([]byte(c.in))
		if !ok || h != c.head || string(rest) != c.rest {
			t.Errorf("%x: %+v and %x, %t", c.in, h, rest, ok)
		}
	}
	for _, bad := range []string{"", "\x18", "\x59\x01", "\x5a\x01\x02\x03", "\x5b\x01\x02\x03\x04\x05\x06\x07", "\x1c", "\x1d", "\x1e"} {
		if h, rest, ok := CutHead([]byte(bad)); ok {
			t.Errorf("%x: %+v and %x", bad, h, rest)
		}
	}
}

// An item and what is behind it are the input; a map that is read is encoded as it
// was, its head aside.
func FuzzCutItem(f *testing.F) {
	for _, s := range []string{"", "\xa0", "\xa2\x01\x02\x01\x02", "\xbf\x01\x02\xff", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "\x82\x01\x02\x03", "\x5f\x41a\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		item, rest, err := CutItem(data)
		if err == nil {
			if !bytes.Equal(append(bytes.Clone(item), rest...), data) {
				t.Fatalf("%x is cut into %x and %x", data, item, rest)
			}
			if _, _, ok := CutHead(item); !ok {
				t.Fatalf("%x has no head", item)
			}
		}
		m, err := ParseMap(data)
		if err != nil {
			return
		}
		_, pairs, _ := CutHead(data)
		if !bytes.Equal(m.body(), pairs) {
			t.Fatalf("%x is encoded as %x", data, m.CBOR())
		}
	})
}
