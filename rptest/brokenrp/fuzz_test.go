package brokenrp

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fuzzed posts a body to a site whose session has begun a ceremony with the
// vector's challenge. Whatever comes, the strict site answers in JSON and does
// not crash, and only the vector's own body brings something in.
func fuzzed(t *testing.T, v *vector, list []vector, purpose string, body []byte) {
	path, challenge := "/attestation/result", v.Registration["challenge"]
	b := &browser{t: t, site: vectorSite(t, list)}
	b.must("POST", "/attestation/options", object{"username": "alice", "displayName": "Alice"})
	if purpose == "login" {
		path, challenge = "/assertion/result", v.Authentication["challenge"]
		b.rechallenge("register", encoded(t, v.Registration["challenge"]))
		b.must("POST", "/attestation/result", v.register(t))
		b.must("POST", "/logout", nil)
		b.must("POST", "/assertion/options", alice)
	}
	b.rechallenge(purpose, encoded(t, challenge))
	code, out := b.call("POST", path, body)
	if code >= http.StatusInternalServerError {
		t.Errorf("%d %v", code, out["errorMessage"])
	}
	who, _ := b.call("GET", "/whoami", nil)
	if (code == http.StatusOK) != (who == http.StatusOK) {
		t.Errorf("the answer is %d, and whoami's %d", code, who)
	}
}

func fuzzVector(t testing.TB) (vector, []vector) {
	list := loadVectors(t)
	for _, v := range list {
		if v.ID == "packed-es256" {
			return v, list
		}
	}
	t.Fatal("no such vector")
	return vector{}, nil
}

func FuzzRegistrationResult(f *testing.F) {
	v, list := fuzzVector(f)
	for _, other := range list {
		if other.Registration != nil {
			f.Add(marshal(f, other.register(f)))
		}
	}
	f.Add(marshal(f, v.register(f)))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzed(t, &v, list, "register", body)
	})
}

func FuzzAuthenticationResult(f *testing.F) {
	v, list := fuzzVector(f)
	f.Add(marshal(f, v.login(f)))
	f.Add([]byte(`{"id":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzed(t, &v, list, "login", body)
	})
}

// The parsers below the JSON, where a fuzzer does not get through base64.
func FuzzParts(f *testing.F) {
	_, list := fuzzVector(f)
	for _, v := range list {
		if v.Registration != nil {
			r := v.register(f)["response"].(object)
			f.Add(decoded(f, r["clientDataJSON"]), decoded(f, r["attestationObject"]))
		}
	}
	s := newSite(f, Config{})
	f.Fuzz(func(t *testing.T, clientData, attestation []byte) {
		for _, kind := range []string{"register", "login"} {
			c := &ceremony{site: s, kind: kind, purpose: kind, session: &session{latest: map[string]*pending{}}}
			if d, err := c.clientData(append([]byte{' '}, clientData...)); err == nil && len(d.members) > 0 {
				d.serialize()
			}
			// What decodes says where it ends, and its raw bytes decode to the same.
			it, rest, err := c.decode(attestation)
			if err == nil && len(it.raw)+len(rest) != len(attestation) {
				t.Errorf("%d + %d of %d bytes", len(it.raw), len(rest), len(attestation))
			}
			c.authData(attestation)
			c.integers(attestation, 32)
		}
		c := &ceremony{site: s, kind: "register"}
		if o, err := c.attestationObject(attestation); err == nil {
			if d, err := c.authData(o.authData); err == nil {
				if key, err := c.publicKey(d.key, s.config.Algorithms); err == nil {
					c.format(o.fmt, &statement{o.stmt, d, key, make([]byte, 32)})
				}
			}
		}
		parsePubArea(attestation)
	})
}

func decoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := decodeAny(v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each check has a test that names it.
func TestEachIsProven(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	for _, info := range Checks() {
		name := string(info.Check)
		_, below, _ := strings.Cut(name, ".")
		if !strings.Contains(all.String(), `"`+name+`"`) && !strings.Contains(all.String(), `"`+below+`"`) && !strings.Contains(all.String(), `"`+"."+below+`"`) && !strings.Contains(all.String(), `kind+".`+below) {
			t.Errorf("no test names %s", name)
		}
	}
}
