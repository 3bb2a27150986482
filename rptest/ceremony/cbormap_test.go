package ceremony

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMapKeepsOrderAndDuplicates(t *testing.T) {
	const text = "a4 03 26 01 02 03 6178 6179 f5" // {3: -7, 1: 2, 3: "x", "y": true}
	for _, change := range []struct {
		name string
		do   func(*Map)
		want string
	}{
		{"nothing", func(*Map) {}, text},
		{"set", func(m *Map) { m.Set(3, 0) }, "a4 03 00 01 02 03 6178 6179 f5"},
		{"set a new one", func(m *Map) { m.Set(-1, []byte{9}) }, "a5 03 26 01 02 03 6178 6179 f5 20 4109"},
		{"set as it is", func(m *Map) { m.Set("y", ctap.RawMessage{0xbf, 0xff}) }, "a4 03 26 01 02 03 6178 6179 bfff"},
		{"add", func(m *Map) { m.Add(1, 1) }, "a5 03 26 01 02 03 6178 6179 f5 01 01"},
		{"duplicate", func(m *Map) { m.Duplicate(1, 1) }, "a5 03 26 01 02 01 01 03 6178 6179 f5"},
		{"duplicate none", func(m *Map) { m.Duplicate(5, 1) }, "a5 03 26 01 02 03 6178 6179 f5 05 01"},
		{"rename", func(m *Map) { m.Rename(3, "z") }, "a4 617a 26 01 02 617a 6178 6179 f5"},
		{"delete", func(m *Map) { m.Delete(3) }, "a2 01 02 6179 f5"},
		{"reverse", (*Map).Reverse, "a4 6179 f5 03 6178 01 02 03 26"},
	} {
		m, err := ParseMap(unhex(t, text))
		if err != nil {
			t.Fatal(err)
		}
		kept := m.Clone()
		change.do(m)
		if got := m.CBOR(); !bytes.Equal(got, unhex(t, change.want)) || m.Err() != nil {
			t.Errorf("%s: %x, %v, want %s", change.name, got, m.Err(), change.want)
		}
		if got := kept.CBOR(); !bytes.Equal(got, unhex(t, text)) {
			t.Errorf("%s changed the clone: %x", change.name, got)
		}
	}
}

func TestMapGet(t *testing.T) {
	m, err := ParseMap(unhex(t, "a2 03 26 03 27"))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Get(3); !bytes.Equal(got, []byte{0x26}) {
		t.Errorf("Get gives %x, not the first", got)
	}
	if got := m.Get(4); got != nil {
		t.Errorf("Get of none gives %x", got)
	}
	if got := m.Indefinite(); !bytes.Equal(got, unhex(t, "bf 03 26 03 27 ff")) {
		t.Errorf("of indefinite length: %x", got)
	}
}

func TestMapRemembersTheFirstError(t *testing.T) {
	m := new(Map)
	m.Set("f", func() {})
	if m.Err() == nil {
		t.Error("a function was encoded")
	}
}

func TestMapOfManyPairs(t *testing.T) {
	for _, n := range []int{23, 24, 255, 256, 300} {
		m := new(Map)
		for i := range n {
			m.Add(i, i)
		}
		again, err := ParseMap(m.CBOR())
		if err != nil {
			t.Fatalf("%d pairs: %v", n, err)
		}
		if len(again.pairs) != n {
			t.Errorf("%d pairs became %d", n, len(again.pairs))
		}
	}
}

func TestParseMapRefuses(t *testing.T) {
	for _, text := range []string{"", "80", "bf ff", "a1", "a1 01", "a1 01 02 00", "bb 00 00", "ba ffffffff", "bb ffffffffffffffff", "a1 1c 00"} {
		if _, err := ParseMap(unhex(t, text)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}

// What was read is written as it was, but for the head's length.
func FuzzParseMap(f *testing.F) {
	for _, text := range []string{"a0", "a2 03 26 03 27", "a1 bf ff 80", "b9 0001 00 00", "a1 61 61 5b ffffffffffffffff"} {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMap(data)
		if err != nil {
			return
		}
		encoded := m.CBOR()
		if m.Err() != nil || !bytes.HasSuffix(data, m.body()) {
			t.Fatalf("%x became %x, %v", data, encoded, m.Err())
		}
		again, err := ParseMap(encoded)
		if err != nil || !bytes.Equal(again.CBOR(), encoded) {
			t.Fatalf("%x, then %v", encoded, err)
		}
	})
}
