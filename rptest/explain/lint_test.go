package explain_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

const (
	goodCreation = `{"rp":{"id":"login.example","name":"Login"},
		"user":{"id":"q83vEjRWeJCrze8SNFZ4kA","name":"alice","displayName":"Alice"},
		"challenge":"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA","timeout":300000,"attestation":"none",
		"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],
		"excludeCredentials":[],"hints":["hybrid"],"extensions":{"credProps":true},
		"authenticatorSelection":{"residentKey":"required","requireResidentKey":true,"userVerification":"required"}}`
	goodRequest = `{"rpId":"login.example","challenge":"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA","userVerification":"preferred",
		"allowCredentials":[{"type":"public-key","id":"q83vEjRWeJA","transports":["internal"]}]}`
)

func TestLintFindsNothing(t *testing.T) {
	for _, options := range []string{goodCreation, goodRequest, `{"publicKey":` + goodCreation + `}`, `{"mediation":"conditional","publicKey":` + goodRequest + `}`} {
		if got := explain.Lint([]byte(options)); len(got) > 0 {
			t.Errorf("%s: %+v", options, got)
		}
	}
}

func TestLint(t *testing.T) {
	for _, l := range []struct {
		name  string
		base  string
		path  string // of the member changed
		value string // empty: taken out
		want  string // the findings' paths; ! before what fails
	}{
		{"no challenge", goodCreation, "challenge", "", "!challenge"},
		{"a short challenge", goodCreation, "challenge", `"q83vEjRWeJA"`, "!challenge"},
		{"a padded challenge", goodRequest, "challenge", `"q83vEjRWeJCrze8SNFZ4kA=="`, "!challenge"},
		{"a standard base64 challenge", goodRequest, "challenge", `"q83vEjRWeJCrze8SNFZ4k+/A"`, "!challenge"},
		{"a number as challenge", goodRequest, "challenge", "7", "!challenge"},
		{"no rp", goodCreation, "rp", "", "rp.id !rp !rp.name"},
		{"no rp.id", goodCreation, "rp.id", "", "rp.id"},
		{"an origin as rp.id", goodCreation, "rp.id", `"https://login.example"`, "!rp.id"},
		{"a port", goodCreation, "rp.id", `"login.example:8443"`, "!rp.id"},
		{"a path", goodCreation, "rp.id", `"login.example/app"`, "!rp.id"},
		{"an address", goodRequest, "rpId", `"127.0.0.1"`, "!rpId"},
		{"capitals", goodRequest, "rpId", `"Login.example"`, "rpId"},
		{"a top-level domain", goodRequest, "rpId", `"example"`, "rpId"},
		{"localhost", goodRequest, "rpId", `"localhost"`, ""},
		{"no rpId", goodRequest, "rpId", "", "rpId"},
		{"no rp.name", goodCreation, "rp.name", "", "!rp.name"},
		{"no user", goodCreation, "user", "", "!user !user.displayName !user.id !user.name"},
		{"no user.id", goodCreation, "user.id", "", "!user.id"},
		{"an empty user.id", goodCreation, "user.id", `""`, "!user.id"},
		{"a long user.id", goodCreation, "user.id", `"` + strings.Repeat("AAAA", 22) + `"`, "!user.id"},
		{"the name as user.id", goodCreation, "user.id", `"YWxpY2U"`, "user.id"},
		{"the name in capitals as user.id", goodCreation, "user.id", encoded("ALICE"), "user.id"},
		{"the name and a line's end as user.id", goodCreation, "user.id", encoded("alice\n"), "user.id"},
		{"an address as user.id", goodCreation, "user.id", `"YUBleGFtcGxl"`, "user.id"},
		{"an address in capitals as user.id", goodCreation, "user.id", encoded("Alice.B+c@Login.Example"), "user.id"},
		{"the name's hash as user.id", goodCreation, "user.id", encoded(hashOf("alice")), ""},
		{"the name's hash in hexadecimal as user.id", goodCreation, "user.id", encoded(fmt.Sprintf("%x", hashOf("alice"))), ""},
		{"the name encoded in user.id", goodCreation, "user.id", encoded("YWxpY2U"), ""},
		{"the name and a number as user.id", goodCreation, "user.id", encoded("alice-5f31c07a"), ""},
		{"random bytes with an @ as user.id", goodCreation, "user.id", encoded("\xab\xcd@\xef\x12\x00\x9a"), ""},
		{"random bytes, and a name that is none", strings.Replace(goodCreation, `"alice"`, `"\ufffd\ufffd"`, 1), "user.id", encoded("\xff\xfe"), ""},
		{"an address with a name as user.id", goodCreation, "user.id", encoded("Alice <a@login.example>"), ""},
		{"an empty name", goodCreation, "user.name", `""`, "user.name"},
		{"an icon", goodCreation, "user.icon", `"https://login.example/a.png"`, "user.icon"},
		{"no params", goodCreation, "pubKeyCredParams", "", "!pubKeyCredParams"},
		{"empty params", goodCreation, "pubKeyCredParams", "[]", "pubKeyCredParams"},
		{"ES256 alone", goodCreation, "pubKeyCredParams", `[{"type":"public-key","alg":-7}]`, "pubKeyCredParams"},
		{"EdDSA alone", goodCreation, "pubKeyCredParams", `[{"type":"public-key","alg":-8}]`, "pubKeyCredParams pubKeyCredParams"},
		{"SHA-1", goodCreation, "pubKeyCredParams", `[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257},{"type":"public-key","alg":-65535}]`, "!pubKeyCredParams[2].alg"},
		{"an unknown algorithm", goodCreation, "pubKeyCredParams", `[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257},{"type":"public-key","alg":9}]`, "pubKeyCredParams[2].alg"},
		{"no algorithm", goodCreation, "pubKeyCredParams", `[{"type":"public-key"},{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}]`, "!pubKeyCredParams[0].alg"},
		{"another type", goodCreation, "pubKeyCredParams", `[{"type":"password","alg":-8},{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}]`, "pubKeyCredParams[0].type"},
		{"an algorithm twice", goodCreation, "pubKeyCredParams", `[{"type":"public-key","alg":-7},{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}]`, "pubKeyCredParams[1].alg"},
		{"no excludeCredentials", goodCreation, "excludeCredentials", "", "excludeCredentials"},
		{"a descriptor without type", goodRequest, "allowCredentials", `[{"id":"AAAA"}]`, "allowCredentials[0].type"},
		{"a descriptor's bad id", goodRequest, "allowCredentials", `[{"type":"public-key","id":"+/=="}]`, "!allowCredentials[0].id"},
		{"a descriptor's unknown transport", goodRequest, "allowCredentials", `[{"type":"public-key","id":"AAAA","transports":["teleport"]}]`, "allowCredentials[0].transports[0]"},
		{"descriptors that are none", goodRequest, "allowCredentials", `{}`, "!allowCredentials"},
		{"a descriptor that is none", goodRequest, "allowCredentials", `[1]`, "!allowCredentials[0] !allowCredentials[0].id allowCredentials[0].type"},
		{"many descriptors", goodRequest, "allowCredentials", `[` + strings.Repeat(`{"type":"public-key","id":"AAAA"},`, 64) + `{"type":"public-key","id":"AAAA"}]`, "allowCredentials"},
		{"unknown attestation", goodCreation, "attestation", `"always"`, "attestation"},
		{"direct attestation", goodCreation, "attestation", `"direct"`, "attestation"},
		{"unknown verification", goodRequest, "userVerification", `"always"`, "userVerification"},
		{"no verification", goodRequest, "userVerification", "", "userVerification"},
		{"requireResidentKey against residentKey", goodCreation, "authenticatorSelection.requireResidentKey", "false", "authenticatorSelection.requireResidentKey"},
		{"requireResidentKey as text", goodCreation, "authenticatorSelection.requireResidentKey", `"false"`, "authenticatorSelection.requireResidentKey"},
		{"no selection", goodCreation, "authenticatorSelection", "", "authenticatorSelection.residentKey authenticatorSelection.userVerification"},
		{"this machine alone", goodCreation, "authenticatorSelection.authenticatorAttachment", `"platform"`, "authenticatorSelection.authenticatorAttachment"},
		{"unknown attachment", goodCreation, "authenticatorSelection.authenticatorAttachment", `"usb"`, "authenticatorSelection.authenticatorAttachment"},
		{"a short timeout", goodCreation, "timeout", "30000", "timeout"},
		{"a long timeout", goodCreation, "timeout", "3600000", "timeout"},
		{"a timeout as text", goodCreation, "timeout", `"soon"`, "timeout"},
		{"unknown hints", goodCreation, "hints", `["phone"]`, "hints[0]"},
		{"hints that are none", goodCreation, "hints", `"hybrid"`, "!hints"},
		{"a withdrawn extension", goodCreation, "extensions", `{"loc":true}`, "extensions.loc"},
		{"an unknown extension", goodCreation, "extensions", `{"telepathy":true}`, "extensions.telepathy"},
		{"extensions that are none", goodCreation, "extensions", `[]`, "!extensions"},
		{"an unknown policy", goodCreation, "extensions", `{"credentialProtectionPolicy":"all"}`, "extensions.credentialProtectionPolicy"},
		{"an enforced policy", goodCreation, "extensions", `{"credentialProtectionPolicy":"userVerificationRequired","enforceCredentialProtectionPolicy":true}`, "extensions.enforceCredentialProtectionPolicy"},
		{"a PRF's input", goodCreation, "extensions", `{"prf":{"eval":{"first":"no base64!"}}}`, "!extensions.prf.eval.first"},
		{"an rp at sign-in", goodRequest, "rp", `{"id":"login.example"}`, "rp"},
		{"mediation within", `{"publicKey":` + goodRequest + `}`, "publicKey.mediation", `"conditional"`, "mediation"},
	} {
		t.Run(l.name, func(t *testing.T) {
			options := changed(t, l.base, l.path, l.value)
			var got []string
			for _, f := range explain.Lint(options) {
				mark := ""
				if f.Fails {
					mark = "!"
				}
				got = append(got, mark+f.Path)
				if f.Problem == "" || f.Effect == "" {
					t.Errorf("%s lacks words", f.Path)
				}
			}
			want := strings.Fields(l.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("found %q, want %q: %+v", got, want, explain.Lint(options))
			}
		})
	}
}

func TestLintOther(t *testing.T) {
	if got := explain.Lint([]byte("[]")); len(got) != 1 || !got[0].Fails {
		t.Errorf("no object: %+v", got)
	}
	twice := strings.Replace(goodRequest, `{"rpId"`, `{"rpId":"evil.example","rpId"`, 1)
	if got := explain.Lint([]byte(twice)); len(got) != 1 || got[0].Path != "rpId" || got[0].Fails {
		t.Errorf("a member twice: %+v", got)
	}
}

// encoded is JSON of bytes in base64url.
func encoded(b string) string { return `"` + base64.RawURLEncoding.EncodeToString([]byte(b)) + `"` }

func hashOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return string(h[:])
}

// changed gives options with another value of one member, or without it.
func changed(t *testing.T, options, path, value string) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(options), &all); err != nil {
		t.Fatal(err)
	}
	names := strings.Split(path, ".")
	at := all
	for _, name := range names[:len(names)-1] {
		at = at[name].(map[string]any)
	}
	last := names[len(names)-1]
	delete(at, last)
	if value != "" {
		at[last] = json.RawMessage(value)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is no options has no findings of options.
func TestLintOfWhatIsNoOptions(t *testing.T) {
	created, got := responses(t, rptest.DeviceConfig{Attestation: attest.Packed})
	for want, data := range map[string][]byte{
		"this is a registration response":    created.JSON,
		"this is an authentication response": got.JSON,
		"this is an attestation object":      member(t, created.JSON, "attestationObject"),
		"this is client data":                member(t, created.JSON, "clientDataJSON"),
		"this is authenticator data":         member(t, got.JSON, "authenticatorData"),
		"this is a public key":               member(t, created.JSON, "publicKey"),
		"this is a certificate":              certificateOf(t, created),
		"this is a signature":                member(t, got.JSON, "signature"),
		"this is DER":                        []byte("\x30\x03\x0c\x01a"),
	} {
		if f := explain.Lint(data); len(f) != 1 || f[0].Problem != want || !f[0].Fails || f[0].Path != "" {
			t.Errorf("%q: %+v", want, f)
		}
	}
}

// Whoever reads that excludeCredentials is missing learns when that is right.
func TestLintOfNewAccounts(t *testing.T) {
	f := explain.Lint(changed(t, goodCreation, "excludeCredentials", ""))
	if len(f) != 1 || f[0].Fails || !strings.HasPrefix(f[0].Effect, "fine for a new account; ") {
		t.Errorf("%+v", f)
	}
}
