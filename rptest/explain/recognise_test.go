package explain_test

import (
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// forms are the ways in which a part is found in logs and databases.
func forms(b []byte) map[string]string {
	std, url := base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b)
	half := len(std) / 2
	return map[string]string{
		"bytes":            string(b),
		"hexadecimal":      strings.ToUpper(hex.EncodeToString(b)),
		"base64":           std,
		"base64 in lines":  std[:half] + "\n" + std[half:] + "\n",
		"base64url":        "  " + url + "\r\n",
		"padded base64url": base64.URLEncoding.EncodeToString(b),
		"a JSON string":    `"` + url + `"`,
	}
}

// However a part is written, Explain says the same of it, and Diff finds the same.
func TestRecognised(t *testing.T) {
	created, got := responses(t, rptest.DeviceConfig{Personality: rptest.Hardware})
	_, evil := responses(t, rptest.DeviceConfig{Personality: rptest.Hardware}, ceremony.ClientDataMember("origin", "https://evil.example"), ceremony.SignCount(7))
	for name, part := range map[string]struct {
		control, fault []byte
		begins         string
		changes        []string
	}{
		"client data": {member(t, got.JSON, "clientDataJSON"), member(t, evil.JSON, "clientDataJSON"),
			"clientDataJSON\n  type: \"webauthn.get\"\n", []string{"clientDataJSON.origin"}},
		"authenticator data": {member(t, got.JSON, "authenticatorData"), member(t, evil.JSON, "authenticatorData"),
			"authenticatorData\n  rpIdHash: ", []string{"authenticatorData.signCount"}},
		"attestation object": {member(t, created.JSON, "attestationObject"), member(t, created.JSON, "attestationObject"),
			"attestationObject\n  fmt: \"packed\"\n", nil},
	} {
		want := explain.Explain(part.control)
		if !strings.HasPrefix(want, part.begins) {
			t.Errorf("%s: %s", name, want)
		}
		for form, text := range forms(part.control) {
			if got := explain.Explain([]byte(text)); got != want {
				t.Errorf("%s as %s: %s", name, form, got)
			}
			for other, fault := range forms(part.fault) {
				var changes []string
				for _, c := range explain.Diff([]byte(text), []byte(fault)) {
					changes = append(changes, c.Path)
				}
				if !reflect.DeepEqual(changes, part.changes) {
					t.Errorf("%s as %s and %s differs in %q", name, form, other, changes)
				}
			}
		}
	}
}

// Client data stays client data without its origin or its type, and behind a mark.
func TestClientDataFaults(t *testing.T) {
	const control = `{"type":"webauthn.get","challenge":"AAAA","origin":"https://login.example"}`
	for fault, want := range map[string]string{
		`{"challenge":"AAAA","origin":"https://login.example"}`:                                          "clientDataJSON.type",
		`{"type":"webauthn.get","challenge":"AAAA"}`:                                                     "clientDataJSON.origin",
		"\xef\xbb\xbf" + control:                                                                         "clientDataJSON",
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://login.example","crossOrigin":true}`: "clientDataJSON.crossOrigin",
	} {
		for form, text := range forms([]byte(fault)) {
			if c := explain.Diff([]byte(control), []byte(text)); len(c) != 1 || c[0].Path != want {
				t.Errorf("%s as %s: %+v", fault, form, c)
			}
		}
	}
}

func TestIsOptions(t *testing.T) {
	created, _ := responses(t, rptest.DeviceConfig{})
	for text, want := range map[string]bool{
		createOptions: true, getOptions: true,
		`{"publicKey":` + getOptions + `}`: true,
		`{"publicKey":"nothing"}`:          true,
		`{"mediation":"conditional"}`:      false,
		string(created.JSON):               false,
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://login.example"}`: false,
		"no JSON": false, "": false,
	} {
		for form, text := range forms([]byte(text)) {
			if got := explain.IsOptions([]byte(text)); got != want {
				t.Errorf("%s as %s: %t", text, form, got)
			}
		}
	}
	for form, text := range forms([]byte(getOptions)) {
		if !reflect.DeepEqual(explain.Lint([]byte(text)), explain.Lint([]byte(getOptions))) {
			t.Errorf("as %s the linter finds something else", form)
		}
	}
}
