package ctap

import (
	"bytes"
	"testing"
)

func TestParseAttestationObjectRefuses(t *testing.T) {
	const (
		format = "63 666d74 64 6e6f6e65"
		stmt   = "67 61747453746d74 a0"
		data   = "68 6175746844617461 41 00"
	)
	if _, err := ParseAttestationObject(unhex(t, "a3"+format+stmt+data)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, hex string
		want      Status
	}{
		{"nothing", "", ErrInvalidCBOR},
		{"empty map", "a0", ErrMissingParameter},
		{"no format", "a2" + stmt + data, ErrMissingParameter},
		{"no statement", "a2" + format + data, ErrMissingParameter},
		{"no authenticator data", "a2" + format + stmt, ErrMissingParameter},
		{"out of order", "a3" + stmt + format + data, ErrInvalidCBOR},
		{"trailing byte", "a3" + format + stmt + data + "00", ErrInvalidCBOR},
		{"authenticator data as text", "a3" + format + stmt + "68 6175746844617461 61 61", ErrCBORUnexpectedType},
		{"authenticator data as integers", "a3" + format + stmt + "68 6175746844617461 81 01", ErrCBORUnexpectedType},
		{"format as bytes", "a3 63 666d74 44 6e6f6e65" + stmt + data, ErrCBORUnexpectedType},
	} {
		if o, err := ParseAttestationObject(unhex(t, c.hex)); StatusOf(err) != c.want {
			t.Errorf("%s: %+v, %v, want %v", c.name, o, err, c.want)
		}
	}
}

func TestStatements(t *testing.T) {
	for _, c := range []struct {
		value any
		hex   string
	}{
		{PackedStatement{Alg: ES256, Sig: Bytes{1}}, "a2 63 616c67 26 63 736967 41 01"},
		{PackedStatement{Alg: ES256, Sig: Bytes{1}, X5C: []Bytes{{2}}}, "a3 63 616c67 26 63 736967 41 01 63 783563 81 41 02"},
		{U2FStatement{Sig: Bytes{1}, X5C: []Bytes{{2}}}, "a2 63 736967 41 01 63 783563 81 41 02"},
		{EmptyMap(), "a0"},
	} {
		if got := encode(t, c.value); !bytes.Equal(got, unhex(t, c.hex)) {
			t.Errorf("%+v: %x", c.value, got)
		}
	}
}

// What parses survives another round.
func FuzzParseAttestationObject(f *testing.F) {
	for _, c := range loadCeremonies(f) {
		f.Add(unhex(f, c.Registration["attestationObject"]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseAttestationObject(data)
		if err != nil {
			return
		}
		once := encode(t, o)
		again, err := ParseAttestationObject(once)
		if err != nil || again.Fmt != o.Fmt || !bytes.Equal(again.AttStmt, o.AttStmt) || !bytes.Equal(again.AuthData, o.AuthData) {
			t.Fatalf("%+v became %+v (%v)", o, again, err)
		}
	})
}
