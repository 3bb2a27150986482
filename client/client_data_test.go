package client

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// vectors are the test vectors of WebAuthn Level 3.
type vectors struct {
	Ceremonies []struct {
		ID             string
		Registration   *ceremonyVector
		Authentication *ceremonyVector
	}
	PRF struct {
		Shared map[string]string
		Cases  []map[string]any
	}
}

type ceremonyVector struct {
	Challenge         string
	ClientDataJSON    string
	AttestationObject string
	AuthenticatorData string
	Signature         string
}

func readVectors(t *testing.T) *vectors {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return &v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each vector's client data is what JSON gives, apart from the member that the
// vectors add to teach relying parties not to compare.
func TestClientDataVectors(t *testing.T) {
	n := 0
	for _, c := range readVectors(t).Ceremonies {
		for kind, v := range map[string]*ceremonyVector{ClientDataCreate: c.Registration, ClientDataGet: c.Authentication} {
			if v == nil {
				continue
			}
			n++
			want, _, extended := strings.Cut(string(unhex(t, v.ClientDataJSON)), `,"extraData":`)
			if extended {
				want += "}"
			}
			data := ClientData{Type: kind, Challenge: encodeBase64URL(unhex(t, v.Challenge)), Origin: "https://example.org"}
			if strings.HasSuffix(c.ID, "-topOrigin") {
				data.CrossOrigin, data.TopOrigin = true, "https://example.com"
			}
			if strings.HasSuffix(c.ID, "-crossOrigin") {
				data.CrossOrigin = true
			}
			if got := string(data.JSON()); got != want {
				t.Errorf("%s: client data %s, want %s", c.ID, got, want)
			}
		}
	}
	if n != 30 {
		t.Errorf("%d vectors, want 30", n)
	}
}

func TestCCDToString(t *testing.T) {
	for in, want := range map[string]string{
		"":                           `""`,
		`"\`:                         `"\"\\"`,
		"\x00\x1f\n\t":               `"\u0000\u001f\u000a\u0009"`,
		"/<>&'":                      `"/<>&'"`,
		"\x7f\u2028\u00e9\U0001F511": "\"\x7f\u2028\u00e9\U0001F511\"",
		"\xff":                       `"` + "\ufffd" + `"`,
	} {
		if got := string(appendCCD(nil, in)); got != want {
			t.Errorf("CCDToString(%q) = %s, want %s", in, got, want)
		}
	}
}

// Whatever is serialized is JSON that a parser reads back the same.
func FuzzClientData(f *testing.F) {
	f.Add("webauthn.get", "AAAA", "https://example.com", false, "")
	f.Add("\x00\"\\", "\u2028", "\xff", true, "https://example.org")
	f.Fuzz(func(t *testing.T, kind, challenge, origin string, cross bool, top string) {
		data := ClientData{kind, challenge, origin, cross, top}
		got, err := ParseClientData(data.JSON())
		if err != nil {
			t.Fatalf("%s: %v", data.JSON(), err)
		}
		for _, s := range []*string{&data.Type, &data.Challenge, &data.Origin, &data.TopOrigin} {
			if !utf8.ValidString(*s) {
				*s = string([]rune(*s))
			}
		}
		if *got != data {
			t.Errorf("parsed %+v, serialized %+v", *got, data)
		}
	})
}

// Parsing agrees with a general JSON parser about what is client data.
func FuzzParseClientData(f *testing.F) {
	f.Add([]byte(`{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.com","crossOrigin":false}`))
	f.Add([]byte(`{"type":1}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseClientData(in)
		if err != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("takes %q", in)
		}
		again, err := ParseClientData(got.JSON())
		if err != nil || *again != *got {
			t.Errorf("%q: parsed %+v, then %+v, error %v", in, got, again, err)
		}
	})
}
