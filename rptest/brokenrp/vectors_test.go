package brokenrp

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// vector is one ceremony of WebAuthn Level 3, chapter 16.
type vector struct {
	ID             string
	Registration   map[string]string
	Authentication map[string]string
	CA             string `json:"attestation_ca_cert"`
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Ceremonies []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Ceremonies
}

func encoded(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// rechallenge gives the session's options another challenge.
func (b *browser) rechallenge(purpose, challenge string) {
	b.t.Helper()
	s := b.site
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.sessions[b.cookie.Value].latest[purpose]
	delete(s.pending, p.challenge)
	p.challenge = challenge
	s.pending[challenge] = p
}

// vectorSite is the site that the vectors are for.
func vectorSite(t testing.TB, list []vector, off ...Check) *Site {
	t.Helper()
	der, err := hex.DecodeString(list[0].CA)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, Config{
		RPID: "example.org", Origins: []string{"https://example.org"}, TopOrigins: []string{"https://example.com"},
		Roots: []*x509.Certificate{root}, Off: off,
	})
}

func (v *vector) register(t testing.TB) object {
	id := encoded(t, v.Registration["credential_id"])
	return object{
		"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": object{},
		"response": object{
			"clientDataJSON":    encoded(t, v.Registration["clientDataJSON"]),
			"attestationObject": encoded(t, v.Registration["attestationObject"]),
		},
	}
}

func (v *vector) login(t testing.TB) object {
	id := encoded(t, v.Registration["credential_id"])
	return object{
		"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": object{},
		"response": object{
			"clientDataJSON":    encoded(t, v.Authentication["clientDataJSON"]),
			"authenticatorData": encoded(t, v.Authentication["authenticatorData"]),
			"signature":         encoded(t, v.Authentication["signature"]),
		},
	}
}

// looser names what two vectors do not keep: an empty key description, and a
// model's AAGUID with a U2F key.
var looser = map[string][]Check{
	"android-key-es256": {"register.android.origin", "register.android.purpose"},
	"fido-u2f-es256":    {"register.u2f.aaguid"},
}

// The strict site accepts every ceremony of the standard's test vectors, with
// certificates' paths, but for the one on a curve that it does not have.
func TestVectors(t *testing.T) {
	list := loadVectors(t)
	accepted := 0
	for _, v := range list {
		if v.Registration == nil || v.ID == "packed-ed448" {
			continue
		}
		accepted++
		t.Run(v.ID, func(t *testing.T) {
			b := &browser{t: t, site: vectorSite(t, list, looser[v.ID]...)}
			b.must("POST", "/attestation/options", object{"username": v.ID, "displayName": v.ID, "attestation": "direct"})
			b.rechallenge("register", encoded(t, v.Registration["challenge"]))
			b.must("POST", "/attestation/result", v.register(t))
			b.must("POST", "/assertion/options", object{"username": v.ID})
			b.rechallenge("login", encoded(t, v.Authentication["challenge"]))
			b.must("POST", "/assertion/result", v.login(t))
		})
	}
	if accepted != 14 {
		t.Errorf("%d ceremonies", accepted)
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{RPID: "a.example"},
		{Origins: []string{"https://a.example"}},
		{RPID: "a.example", Origins: []string{"https://a.example"}, Off: []Check{"login.conuter"}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is a site", cfg)
		}
	}
}

// Each check is there once and says what it is.
func TestChecks(t *testing.T) {
	seen := map[Check]bool{}
	for _, info := range Checks() {
		if seen[info.Check] {
			t.Errorf("%s is there twice", info.Check)
		}
		seen[info.Check] = true
		if info.Requires == "" || info.Off == "" {
			t.Errorf("%+v says too little", info)
		}
	}
	for name, need := range needs {
		if _, ok := reflect.TypeFor[Config]().FieldByName(need); !ok || !seen[name] {
			t.Errorf("%s needs %s", name, need)
		}
	}
	for _, broad := range broad {
		if !seen[broad] {
			t.Errorf("%s is no check", broad)
		}
	}
}
