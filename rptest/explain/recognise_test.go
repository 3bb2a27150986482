package explain_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
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

// What something is taken for does not depend on how it is written.
func TestRecogniseKinds(t *testing.T) {
	created, got := responses(t, rptest.DeviceConfig{})
	authData := string(member(t, got.JSON, "authenticatorData"))
	for text, want := range map[string]explain.Kind{
		createOptions: explain.Options, getOptions: explain.Options,
		`{"publicKey":` + getOptions + `}`:            explain.Options,
		`{"publicKey":"nothing"}`:                     explain.Options,
		`{"mediation":"conditional"}`:                 explain.JSON,
		`[{"id":"AAAA"},{"id":"AAAB"},{"id":"AAAC"}]`: explain.JSON,
		`{}`: explain.Empty, `[]`: explain.Empty, `{"publicKey":{}}`: explain.Empty, `{"response":{}}`: explain.Empty,
		string(created.JSON): explain.RegistrationResponse,
		string(got.JSON):     explain.AuthenticationResponse,
		`{"credential":` + string(got.JSON) + `,"challenge":"AAAA","origin":"https://login.example"}`: explain.AuthenticationResponse,
		`{"credential":{"type":"public-key","response":{"signature":"AAAA"}}}`:                        explain.AuthenticationResponse,
		`{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0"}`:                                    explain.RegistrationResponse,
		`{"response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"}}`:                           explain.AuthenticationResponse,
		`{"clientDataJSON":"AAAA","publicKey":"AAAA"}`:                                                explain.Response,
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://login.example"}`:                 explain.ClientData,
		string(member(t, created.JSON, "attestationObject")):                                          explain.AttestationObject,
		authData:                   explain.AuthenticatorData,
		authData + "\x01":          explain.AuthenticatorDataPerhaps,
		strings.Repeat("\x07", 64): explain.AuthenticatorDataPerhaps,
		strings.Repeat("\x07", 32): explain.Unknown,
		"no JSON":                  explain.Unknown, "": explain.Unknown,
	} {
		for form, text := range forms([]byte(text)) {
			if got := explain.Recognise([]byte(text)); got != want {
				t.Errorf("%q as %s: %s, want %s", text, form, got, want)
			}
		}
	}
	for form, text := range forms([]byte(getOptions)) {
		if !reflect.DeepEqual(explain.Lint([]byte(text)), explain.Lint([]byte(getOptions))) {
			t.Errorf("as %s the linter finds something else", form)
		}
	}
}

// What pages post around a response does not hide it, nor what is left out.
func TestWrapped(t *testing.T) {
	for name, e := range map[string]struct{ control, fault []byte }{
		"registration": wrappable(t, true), "sign-in": wrappable(t, false),
	} {
		var inner struct {
			Response json.RawMessage `json:"response"`
		}
		if err := json.Unmarshal(e.control, &inner); err != nil {
			t.Fatal(err)
		}
		want := explain.Explain(e.control)
		for _, wrap := range []struct{ format, more string }{
			{`{"credential":%s}`, ""},
			{`{"credential":%s,"name":"my phone"}`, "name: \"my phone\"\n"},
			{`{"challenge":"AAAA","credential":%s,"origin":"https://a"}`, "challenge: \"AAAA\"  (3 bytes)\norigin: \"https://a\"\n"},
			{`{"username":"alice","response":%s}`, "username: \"alice\"\n"},
			{`{"attestationResponse":%s}`, ""},
		} {
			wrapped := fmt.Appendf(nil, wrap.format, e.control)
			if got := explain.Explain(wrapped); got != want+wrap.more {
				t.Errorf("%s in %s: %s", name, wrap.format, got)
			}
			if c := paths(explain.Diff(wrapped, fmt.Appendf(nil, wrap.format, e.fault))); c != "clientDataJSON.origin" {
				t.Errorf("%s in %s differs in %s", name, wrap.format, c)
			}
		}
		for _, bare := range []string{string(inner.Response), `{"credential":` + string(inner.Response) + `}`} {
			got := explain.Explain([]byte(bare))
			for line := range strings.Lines(got) {
				if !strings.Contains(want, line) {
					t.Errorf("%s, member response alone: another line %q", name, line)
				}
			}
			if !strings.Contains(got, "clientDataJSON\n  type: \"webauthn.") || !strings.Contains(got, "rpIdHash: ") || !strings.Contains(got, "(SHA-256 of login.example)") {
				t.Errorf("%s, member response alone: %s", name, got)
			}
		}
	}
}

// wrappable is a response, and one of another origin.
func wrappable(t *testing.T, registration bool) (r struct{ control, fault []byte }) {
	created, got := responses(t, rptest.DeviceConfig{})
	text := string(created.JSON)
	if !registration {
		text = string(got.JSON)
	}
	clientData := member(t, []byte(text), "clientDataJSON")
	evil := strings.Replace(string(clientData), "https://login.example", "https://www.login.example", 1)
	encode := base64.RawURLEncoding.EncodeToString
	r.control, r.fault = []byte(text), []byte(strings.Replace(text, encode(clientData), encode([]byte(evil)), 1))
	return r
}
