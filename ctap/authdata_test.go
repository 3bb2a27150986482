package ctap

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestAuthDataLayout(t *testing.T) {
	a := AuthData{
		RPIDHash: [32]byte(bytes.Repeat([]byte{0xAA}, 32)), Flags: FlagUP | FlagUV | FlagAT | FlagED, SignCount: 0x01020304,
		AAGUID: AAGUID(bytes.Repeat([]byte{0xBB}, 16)), CredentialID: []byte{1, 2, 3},
		PublicKey: []byte{0xA0}, Extensions: []byte{0xA1, 0x61, 'x', 0xF5},
	}
	fixed := strings.Repeat("aa", 32)
	attested := strings.Repeat("bb", 16) + "0003 010203 a0"
	for _, c := range []struct {
		flags Flags
		want  string
	}{
		{0, fixed + "00 01020304"},
		{FlagUP | FlagBE | FlagBS, fixed + "19 01020304"},
		{FlagUP | FlagUV, fixed + "05 01020304"},
		{FlagUP | FlagAT, fixed + "41 01020304" + attested},
		{FlagUP | FlagED, fixed + "81 01020304 a1 6178 f5"},
		{FlagUP | FlagUV | FlagAT | FlagED, fixed + "c5 01020304" + attested + "a1 6178 f5"},
	} {
		a.Flags = c.flags
		got := a.Append([]byte("kept"))
		if !bytes.Equal(got, slices.Concat([]byte("kept"), unhex(t, c.want))) {
			t.Errorf("flags %02x: %x", c.flags, got)
		}
		parsed, err := ParseAuthData(got[4:])
		if err != nil || parsed.Flags != c.flags || !bytes.Equal(parsed.Append(nil), got[4:]) {
			t.Errorf("flags %02x: parsed %+v (%v)", c.flags, parsed, err)
		}
	}
	if got := a.AAGUID.String(); got != "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb" {
		t.Errorf("AAGUID %s", got)
	}
}

func TestAAGUIDText(t *testing.T) {
	const text = "01234567-89ab-cdef-0011-2233445566ff"
	want := AAGUID(unhex(t, "0123456789abcdef00112233445566ff"))
	for _, s := range []string{text, strings.ToUpper(text)} {
		var got struct{ Model *AAGUID }
		if err := json.Unmarshal([]byte(`{"Model":"`+s+`"}`), &got); err != nil || *got.Model != want {
			t.Errorf("%s: %v, %v", s, got.Model, err)
		}
	}
	if got, err := json.Marshal(want); err != nil || string(got) != `"`+text+`"` {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{
		"", "-", text[1:], text + "0", strings.ReplaceAll(text, "-", ""), "{" + text + "}", " " + text,
		"0123456-789ab-cdef-0011-2233445566ff", text[:35] + "g", text[:34] + "é", text[:34],
	} {
		got := want
		if err := got.UnmarshalText([]byte(bad)); err == nil || got != want {
			t.Errorf("%q is read as %s", bad, got)
		}
	}
}

func TestParseAuthDataRefuses(t *testing.T) {
	fixed := func(flags string) string { return strings.Repeat("00", 32) + flags + "00000000" }
	aaguid := strings.Repeat("00", 16)
	for _, c := range []struct{ name, hex string }{
		{"nothing", ""},
		{"36 bytes", fixed("01")[2:]},
		{"a byte too many", fixed("01") + "00"},
		{"attested data without its flag", fixed("01") + aaguid + "0000 a0"},
		{"no attested data", fixed("41")},
		{"attested data cut in the AAGUID", fixed("41") + aaguid[2:]},
		{"no length", fixed("41") + aaguid + "00"},
		{"credential ID cut short", fixed("41") + aaguid + "0002 01"},
		{"credential ID of 1024 bytes", fixed("41") + aaguid + "0400" + strings.Repeat("01", 1024) + "a0"},
		{"no public key", fixed("41") + aaguid + "0001 01"},
		{"public key cut short", fixed("41") + aaguid + "0001 01 a1 01"},
		{"public key that is no map", fixed("41") + aaguid + "0001 01 80"},
		{"public key not canonical", fixed("41") + aaguid + "0001 01 a2 03 26 01 02"},
		{"bytes after the public key", fixed("41") + aaguid + "0001 01 a0 00"},
		{"no extensions", fixed("81")},
		{"extensions that are no map", fixed("81") + "01"},
		{"extensions cut short", fixed("81") + "a1 61 78"},
		{"extensions not canonical", fixed("81") + "bf ff"},
		{"bytes after the extensions", fixed("81") + "a0 00"},
	} {
		if a, err := ParseAuthData(unhex(t, c.hex)); err == nil {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
	longest := fixed("41") + aaguid + "03ff" + strings.Repeat("01", 1023) + "a0"
	if _, err := ParseAuthData(unhex(t, longest)); err != nil {
		t.Errorf("credential ID of 1023 bytes: %v", err)
	}
}

// What parses encodes to the same bytes.
func FuzzParseAuthData(f *testing.F) {
	for _, c := range loadCeremonies(f) {
		o, _ := c.registered(f)
		f.Add([]byte(o.AuthData))
		f.Add(unhex(f, c.Authentication["authenticatorData"]))
	}
	f.Add(append(make([]byte, 32), 0x81, 0, 0, 0, 1, 0xA1, 0x61, 'x', 0xF5))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAuthData(data)
		if err != nil {
			return
		}
		if again := a.Append(nil); !bytes.Equal(again, data) {
			t.Fatalf("%x became %x", data, again)
		}
	})
}
