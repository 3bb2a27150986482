package ctap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// unhex decodes hexadecimal; spaces are for the reader.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The rules of §8, each with the status that its breach has.
func TestCheckCanonical(t *testing.T) {
	deep := func(n int, open, bottom string) string { return strings.Repeat(open, n) + bottom }
	for _, c := range []struct {
		rule, hex string
		want      Status
	}{
		{"smallest integer", "00", StatusOK},
		{"one-byte integer", "18 18", StatusOK},
		{"integer that fits the head", "18 17", ErrInvalidCBOR},
		{"integer in two bytes", "19 0100", StatusOK},
		{"integer that fits one byte", "19 00ff", ErrInvalidCBOR},
		{"integer in four bytes", "1a 00010000", StatusOK},
		{"integer that fits two bytes", "1a 0000ffff", ErrInvalidCBOR},
		{"integer in eight bytes", "1b 0000000100000000", StatusOK},
		{"integer that fits four bytes", "1b 00000000ffffffff", ErrInvalidCBOR},
		{"negative integer in two bytes", "39 0100", StatusOK},
		{"negative integer that fits the head", "38 00", ErrInvalidCBOR},
		{"byte string length that fits the head", "58 01 00", ErrInvalidCBOR},
		{"byte string length that fits one byte", "59 0001 00", ErrInvalidCBOR},
		{"text length that fits the head", "78 01 61", ErrInvalidCBOR},
		{"array length that fits the head", "98 01 00", ErrInvalidCBOR},
		{"map length that fits the head", "b8 01 00 00", ErrInvalidCBOR},

		{"indefinite byte string", "5f 41 00 ff", ErrInvalidCBOR},
		{"indefinite text", "7f 61 61 ff", ErrInvalidCBOR},
		{"indefinite array", "9f 00 ff", ErrInvalidCBOR},
		{"indefinite map", "bf 00 00 ff", ErrInvalidCBOR},
		{"indefinite map within", "a1 01 bf ff", ErrInvalidCBOR},

		{"tag", "c0 60", ErrInvalidCBOR},
		{"tag in a map", "a1 01 c1 00", ErrInvalidCBOR},
		{"tag as a key", "a1 c1 00 00", ErrInvalidCBOR},
		{"self-described CBOR", "d9 d9f7 a0", ErrInvalidCBOR},

		{"keys in order", "a2 01 00 02 00", StatusOK},
		{"keys out of order", "a2 02 00 01 00", ErrInvalidCBOR},
		{"duplicate key", "a2 01 00 01 00", ErrInvalidCBOR},
		{"duplicate text key", "a2 61 61 00 61 61 01", ErrInvalidCBOR},
		{"positive before negative", "a2 03 00 20 00", StatusOK},
		{"negative before positive", "a2 20 00 03 00", ErrInvalidCBOR},
		{"integers before text", "a2 20 00 60 00", StatusOK},
		{"text before integers", "a2 60 00 20 00", ErrInvalidCBOR},
		{"bytes before text", "a2 41 7a 00 61 61 00", StatusOK},
		{"text before bytes", "a2 61 61 00 41 7a 00", ErrInvalidCBOR},
		{"shorter integer first", "a2 17 00 18 18 00", StatusOK},
		{"longer integer first", "a2 18 18 00 17 00", ErrInvalidCBOR},
		{"shorter text first", "a2 61 62 00 62 61 61 00", StatusOK},
		{"longer text first", "a2 62 61 61 00 61 62 00", ErrInvalidCBOR},
		{"third key out of order", "a3 01 00 03 00 02 00", ErrInvalidCBOR},
		{"disorder in a nested map", "a1 01 a2 02 00 01 00", ErrInvalidCBOR},
		{"disorder in a map in an array", "81 a2 02 00 01 00", ErrInvalidCBOR},
		{"COSE key order", "a3 01 02 03 26 20 01", StatusOK},

		{"nothing", "", ErrInvalidCBOR},
		{"trailing byte", "a0 00", ErrInvalidCBOR},
		{"two items", "a0 a0", ErrInvalidCBOR},
		{"key without a value", "a1 01", ErrInvalidCBOR},
		{"byte string cut short", "42 00", ErrInvalidCBOR},
		{"text cut short", "62 61", ErrInvalidCBOR},
		{"array cut short", "82 00", ErrInvalidCBOR},
		{"array of 2^64-1", "9b ffffffffffffffff", ErrInvalidCBOR},
		{"map of 2^63", "bb 8000000000000000", ErrInvalidCBOR},
		{"byte string of 2^64-1", "5b ffffffffffffffff 00", ErrInvalidCBOR},
		{"text of 2^63", "7b 8000000000000000 61", ErrInvalidCBOR},

		{"two-byte character", "62 c3bc", StatusOK},
		{"broken UTF-8", "62 c328", ErrInvalidCBOR},
		{"overlong UTF-8", "62 c080", ErrInvalidCBOR},
		{"surrogate", "63 eda080", ErrInvalidCBOR},
		{"beyond Unicode", "64 f4908080", ErrInvalidCBOR},
		{"character cut in two", "61 c3", ErrInvalidCBOR},
		{"broken UTF-8 as a key", "a1 61 ff 00", ErrInvalidCBOR},
		{"any bytes in a byte string", "42 c328", StatusOK},

		{"arrays nested to the limit", deep(3, "81", "80"), StatusOK},
		{"arrays nested over it", deep(4, "81", "80"), ErrInvalidCBOR},
		{"maps nested to the limit", deep(3, "a1 01", "a0"), StatusOK},
		{"maps nested over it", deep(4, "a1 01", "a0"), ErrInvalidCBOR},
		{"mixed, over the limit", "a1 01 81 a1 01 81 a0", ErrInvalidCBOR},
		{"nested in a key", deep(4, "a1", "a0"), ErrInvalidCBOR},
		{"very deep", deep(100_000, "81", "80"), ErrInvalidCBOR},

		{"false", "f4", StatusOK},
		{"true", "f5", StatusOK},
		{"null", "f6", ErrCBORUnexpectedType},
		{"undefined", "f7", ErrCBORUnexpectedType},
		{"null in a map", "a1 01 f6", ErrCBORUnexpectedType},
		{"null in an array", "81 f6", ErrCBORUnexpectedType},
		{"null as a key", "a1 f6 00", ErrCBORUnexpectedType},
		{"unassigned simple value", "e0", ErrInvalidCBOR},
		{"true in two bytes", "f8 15", ErrInvalidCBOR},
		{"unassigned simple value in two bytes", "f8 20", ErrInvalidCBOR},
		{"break alone", "ff", ErrInvalidCBOR},
		{"reserved head", "1c", ErrInvalidCBOR},
		{"reserved head and enough behind it", "1c" + strings.Repeat("00", 16), ErrInvalidCBOR},
		{"half float", "f9 3c00", StatusOK},
		{"float cut short", "fa 000000", ErrInvalidCBOR},
	} {
		if err := CheckCanonical(unhex(t, c.hex)); StatusOf(err) != c.want {
			t.Errorf("%s (%s): %v, want %v", c.rule, c.hex, err, c.want)
		}
	}
}

// The examples of RFC 8949 appendix A.
func TestRFC8949Examples(t *testing.T) {
	for _, c := range []struct {
		want  Status
		items string
	}{
		{StatusOK, `00 01 0a 17 1818 1819 1864 1903e8 1a000f4240 1b000000e8d4a51000 1bffffffffffffffff
			3bffffffffffffffff 20 29 3863 3903e7
			f90000 f98000 f93c00 fb3ff199999999999a f93e00 f97bff fa47c35000 fa7f7fffff fb7e37e43c8800759c
			f90001 f90400 f9c400 fbc010666666666666 f97c00 f97e00 f9fc00 fa7f800000 fa7fc00000 faff800000
			fb7ff0000000000000 fb7ff8000000000000 fbfff0000000000000 f4 f5
			40 4401020304 60 6161 6449455446 62225c 62c3bc 63e6b0b4 64f0908591
			80 83010203 8301820203820405 98190102030405060708090a0b0c0d0e0f101112131415161718181819
			a0 a201020304 a26161016162820203 826161a161626163 a56161614161626142616361436164614461656145`},
		{ErrCBORUnexpectedType, `f6 f7`},
		{ErrInvalidCBOR, `c249010000000000000000 c349010000000000000000 f0 f8ff
			c074323031332d30332d32315432303a30343a30305a c11a514b67b0 c1fb41d452d9e8200000
			d74401020304 d818456449455446 d82076687474703a2f2f7777772e6578616d706c652e636f6d
			5f42010243030405ff 7f657374726561646d696e67ff 9fff 9f018202039f0405ffff 9f01820203820405ff
			83018202039f0405ff 83019f0203ff820405 9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff
			bf61610161629f0203ffff 826161bf61626163ff bf6346756ef563416d7421ff`},
	} {
		for item := range strings.FieldsSeq(c.items) {
			if err := CheckCanonical(unhex(t, item)); StatusOf(err) != c.want {
				t.Errorf("%s: %v, want %v", item, err, c.want)
			}
		}
	}
}

// The items of RFC 8949 appendix F, none of them well-formed.
func TestRFC8949NotWellFormed(t *testing.T) {
	const items = `18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000
		41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203
		81 818181818181818181 8200 a1 a20102 a100 a2000000 c0 5f4100 7f6100
		9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff
		1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe
		f800 f801 f818 f81f 5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff
		5f5f4100ffff 7f7f6100ffff ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff
		bf00ff bf000000ff 1f 3f df`
	for item := range strings.FieldsSeq(items) {
		if err := CheckCanonical(unhex(t, item)); StatusOf(err) != ErrInvalidCBOR {
			t.Errorf("%s: %v", item, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want Status
	}{
		{"40", StatusOK}, {"42 0102", StatusOK},
		{"60", ErrCBORUnexpectedType}, {"82 01 02", ErrCBORUnexpectedType}, {"80", ErrCBORUnexpectedType},
		{"00", ErrCBORUnexpectedType}, {"20", ErrCBORUnexpectedType}, {"a0", ErrCBORUnexpectedType},
		{"f4", ErrCBORUnexpectedType}, {"f6", ErrCBORUnexpectedType}, {"f9 3c00", ErrCBORUnexpectedType},
		{"58 01 00", ErrInvalidCBOR}, {"42 01", ErrInvalidCBOR},
	} {
		var b Bytes
		err := Unmarshal(unhex(t, c.hex), &b)
		if StatusOf(err) != c.want {
			t.Errorf("%s: %v, want %v", c.hex, err, c.want)
		}
		if err == nil && b == nil {
			t.Errorf("%s: decoded to nil, which stands for absent", c.hex)
		}
	}
	for _, raw := range []string{"", "42 01", "41 0102", "5f ff"} {
		var b Bytes
		if err := b.UnmarshalCBOR(unhex(t, raw)); err == nil {
			t.Errorf("%q: accepted as %x", raw, b)
		}
	}
}

// What was decoded does not change when the door reuses its buffer.
func TestBytesCopies(t *testing.T) {
	data := unhex(t, "43 010203")
	var b Bytes
	if err := Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if !bytes.Equal(b, []byte{1, 2, 3}) {
		t.Errorf("shares the input: %x", b)
	}
}

// Nothing that Marshal makes holds a null.
func TestMarshalNil(t *testing.T) {
	got, err := Marshal(LargeBlobsResponse{})
	if err != nil || !bytes.Equal(got, unhex(t, "a1 01 40")) {
		t.Errorf("nil byte string: %x, %v", got, err)
	}
	got, err = Marshal(struct {
		List []string `cbor:"1,keyasint"`
	}{})
	if err != nil || !bytes.Equal(got, unhex(t, "a1 01 80")) {
		t.Errorf("nil list: %x, %v", got, err)
	}
	if _, err := Marshal(make(chan int)); err == nil {
		t.Error("encoded a channel")
	}
}

// Whatever CheckCanonical accepts another implementation accepts too, and it
// encodes the same value to the same bytes.
func FuzzCheckCanonical(f *testing.F) {
	for _, s := range []string{
		"a0", "a2 01 00 02 43 010203", "a3 01 02 03 26 20 01", "a1 61 61 82 f4 f5", "3b ffffffffffffffff",
		"a2 02 00 01 00", "18 17", "62 c328", "a1 01 f6", "f9 3c00", "a1 80 00", "a1 41 61 00",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := CheckCanonical(data)
		if err != nil {
			if s := StatusOf(err); s != ErrInvalidCBOR && s != ErrCBORUnexpectedType {
				t.Fatalf("status of %v", err)
			}
			return
		}
		if err := cbor.Wellformed(data); err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		var v any
		err = reference.Unmarshal(data, &v)
		if key := (*cbor.InvalidMapKeyTypeError)(nil); errors.As(err, &key) || holdsFloat(v) {
			return // a key that Go's maps cannot hold; a float whose width Go's does not keep
		}
		if err != nil {
			t.Fatalf("does not decode: %v", err)
		}
		if again, err := Marshal(v); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("re-encoded as %x (%v)", again, err)
		}
	})
}

// reference decodes with every check that the library offers.
var reference = must(cbor.DecOptions{
	DupMapKey:   cbor.DupMapKeyEnforcedAPF,
	IndefLength: cbor.IndefLengthForbidden,
	TagsMd:      cbor.TagsForbidden,
	UTF8:        cbor.UTF8RejectInvalid,
}.DecMode())

func holdsFloat(v any) bool {
	switch v := v.(type) {
	case float64:
		return true
	case []any:
		for _, e := range v {
			if holdsFloat(e) {
				return true
			}
		}
	case map[any]any:
		for k, e := range v {
			if holdsFloat(k) || holdsFloat(e) {
				return true
			}
		}
	}
	return false
}
