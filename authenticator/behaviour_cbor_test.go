package authenticator_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"unicode/utf8"
)

// The bench speaks CBOR with a codec of its own, so that it can say what the
// device must refuse, and so that a fault of the device's codec shows.
//
// Go values stand for CBOR ones: int, bool, string, []byte, list, dict. In what
// is sent, pairs is a map in the order given, duplicates and all, and raw goes
// over the wire as it is.
type (
	dict  map[any]any
	list  []any
	pairs []any
	raw   []byte
)

// encode gives the canonical encoding of v, save for what pairs and raw spoil.
func encode(v any) []byte { return appendItem(nil, v) }

func appendItem(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		if v < 0 {
			return appendHead(b, 1, uint64(-1-v))
		}
		return appendHead(b, 0, uint64(v))
	case []byte:
		return append(appendHead(b, 2, uint64(len(v))), v...)
	case string:
		return append(appendHead(b, 3, uint64(len(v))), v...)
	case list:
		b = appendHead(b, 4, uint64(len(v)))
		for _, e := range v {
			b = appendItem(b, e)
		}
		return b
	case dict:
		return appendMap(b, v)
	case pairs:
		b = appendHead(b, 5, uint64(len(v)/2))
		for _, e := range v {
			b = appendItem(b, e)
		}
		return b
	case bool:
		if v {
			return append(b, 0xf5)
		}
		return append(b, 0xf4)
	case nil:
		return append(b, 0xf6)
	case raw:
		return append(b, v...)
	}
	panic(fmt.Sprintf("the bench cannot encode a %T", v))
}

func appendMap(b []byte, m dict) []byte {
	type entry struct{ key, value []byte }
	var entries []entry
	for k, v := range m {
		entries = append(entries, entry{encode(k), encode(v)})
	}
	slices.SortFunc(entries, func(x, y entry) int {
		return cmp.Or(
			cmp.Compare(x.key[0]>>5, y.key[0]>>5),
			cmp.Compare(len(x.key), len(y.key)),
			bytes.Compare(x.key, y.key),
		)
	})
	b = appendHead(b, 5, uint64(len(entries)))
	for _, e := range entries {
		b = append(append(b, e.key...), e.value...)
	}
	return b
}

func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

var errCut = errors.New("cut short")

// decode reads the one item that data holds, and insists on its being
// canonical: what the device says must equal what encode makes of its meaning.
func decode(data []byte) (any, error) {
	v, rest, err := decodeFirst(data)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes after the item", len(rest))
	}
	return v, nil
}

// decodeFirst is decode for an item that other bytes may follow.
func decodeFirst(data []byte) (v any, rest []byte, err error) {
	v, rest, err = readItem(data)
	if err != nil {
		return nil, nil, err
	}
	if item := data[:len(data)-len(rest)]; !bytes.Equal(encode(v), item) {
		return nil, nil, fmt.Errorf("not canonical: %x", item)
	}
	return v, rest, nil
}

func readItem(b []byte) (any, []byte, error) {
	if len(b) == 0 {
		return nil, nil, errCut
	}
	major, info := b[0]>>5, b[0]&0x1f
	if major == 7 {
		return readSimple(b)
	}
	n := uint64(info)
	b = b[1:]
	if info >= 24 {
		size := 1 << (info - 24)
		if info > 27 || len(b) < size {
			return nil, nil, fmt.Errorf("head with additional information %d", info)
		}
		n = binary.BigEndian.Uint64(append(make([]byte, 8-size), b[:size]...))
		b = b[size:]
	}
	switch major {
	case 0:
		return int(n), b, nil
	case 1:
		return -1 - int(n), b, nil
	case 2, 3:
		if n > uint64(len(b)) {
			return nil, nil, errCut
		}
		return readString(major, b[:n], b[n:])
	case 4:
		return readList(n, b)
	case 5:
		return readDict(n, b)
	}
	return nil, nil, errors.New("a tag")
}

func readSimple(b []byte) (any, []byte, error) {
	switch b[0] {
	case 0xf4:
		return false, b[1:], nil
	case 0xf5:
		return true, b[1:], nil
	case 0xf6:
		return nil, b[1:], nil
	}
	return nil, nil, fmt.Errorf("simple value or float %#x", b[0])
}

func readString(major byte, s, rest []byte) (any, []byte, error) {
	if major == 2 {
		return bytes.Clone(s), rest, nil
	}
	if !utf8.Valid(s) {
		return nil, nil, errors.New("text that is not UTF-8")
	}
	return string(s), rest, nil
}

func readList(n uint64, b []byte) (any, []byte, error) {
	l := list{}
	for range n {
		e, rest, err := readItem(b)
		if err != nil {
			return nil, nil, err
		}
		l, b = append(l, e), rest
	}
	return l, b, nil
}

func readDict(n uint64, b []byte) (any, []byte, error) {
	m := dict{}
	for range n {
		k, rest, err := readItem(b)
		if err != nil {
			return nil, nil, err
		}
		switch k.(type) {
		case int, string:
		default:
			return nil, nil, fmt.Errorf("a key of type %T", k)
		}
		if _, dup := m[k]; dup {
			return nil, nil, fmt.Errorf("key %v twice", k)
		}
		if m[k], b, err = readItem(rest); err != nil {
			return nil, nil, err
		}
	}
	return m, b, nil
}

func TestBenchCBOR(t *testing.T) {
	for _, want := range []string{
		"a0", "80", "1818", "390100", "1a00010000", "f5", "a301020326214101", "a3613101613202626161f4",
	} {
		v, err := decode(unhex(want))
		if err != nil {
			t.Errorf("decode %s: %v", want, err)
		} else if got := encode(v); !bytes.Equal(got, unhex(want)) {
			t.Errorf("encode(decode(%s)) = %x", want, got)
		}
	}
	for what, bad := range map[string]string{
		"nothing": "", "head too long": "1817", "keys out of order": "a202010101", "key twice": "a201010102",
		"indefinite length": "9fff", "tag": "c000", "not UTF-8": "61ff", "two items": "0000", "float": "f97e00",
		"longer key first": "a2626161016131" + "02", "cut short": "a1",
	} {
		if v, err := decode(unhex(bad)); err == nil {
			t.Errorf("%s: decode(%s) = %v, want an error", what, bad, v)
		}
	}
}
