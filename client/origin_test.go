package client

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Which origin may use which RP ID, with what is known to go wrong: suffixes
// without a dot, public suffixes of both sections of the list, addresses.
func TestClaim(t *testing.T) {
	const own = "\x00" // no RP ID in the options
	for _, tt := range []struct {
		origin, rpID string
		want         string // RP ID, or the error's name
		data         string // origin in the client data, where it is not origin
	}{
		{"https://example.com", own, "example.com", ""},
		{"https://login.example.com:8443", own, "login.example.com", ""},
		{"https://login.example.com", "example.com", "example.com", ""},
		{"https://a.b.example.co.uk", "example.co.uk", "example.co.uk", ""},
		{"https://example.com:443", "example.com", "example.com", "https://example.com"},
		{"https://EXAMPLE.com/path?q#f", "example.com", "example.com", "https://example.com"},
		{"HTTPS://example.com", "example.com", "example.com", "https://example.com"},
		{"https://user@example.com", "example.com", "example.com", "https://example.com"},

		// Dot boundary.
		{"https://notexample.com", "example.com", SecurityError, ""},
		{"https://example.com", "ample.com", SecurityError, ""},
		{"https://example.com.evil.org", "example.com", SecurityError, ""},
		{"https://example.com", "login.example.com", SecurityError, ""},
		{"https://example.com", ".example.com", SecurityError, ""},
		{"https://example.com", ".com", SecurityError, ""},
		{"https://example.com", "", SecurityError, ""},

		// Public suffixes.
		{"https://example.com", "com", SecurityError, ""},
		{"https://example.co.uk", "co.uk", SecurityError, ""},
		{"https://example.co.uk", "uk", SecurityError, ""},
		{"https://alice.github.io", "github.io", SecurityError, ""},
		{"https://alice.github.io", "alice.github.io", "alice.github.io", ""},
		{"https://www.alice.github.io", "alice.github.io", "alice.github.io", ""},
		{"https://github.io", "github.io", "github.io", ""},
		{"https://x.foo.ck", "foo.ck", SecurityError, ""},       // *.ck
		{"https://a.www.ck", "www.ck", "www.ck", ""},            // !www.ck
		{"https://a.b.internal", "internal", SecurityError, ""}, // not on the list
		{"https://a.b.internal", "b.internal", "b.internal", ""},
		{"https://b.compute.amazonaws.com", "amazonaws.com", SecurityError, ""}, // within a public suffix
		{"https://a.s3.amazonaws.com", "s3.amazonaws.com", SecurityError, ""},

		// Trailing dots, case, spelling.
		{"https://example.com.", "example.com", SecurityError, ""},
		{"https://example.com", "example.com.", SecurityError, ""},
		{"https://example.com.", own, SecurityError, ""},
		{"https://example.com", "EXAMPLE.com", SecurityError, ""},
		{"https://example.com", "example.com:443", SecurityError, ""},
		{"https://example.com", "https://example.com", SecurityError, ""},
		{"https://example.com", "example.com/", SecurityError, ""},
		{"https://example.com", "*.example.com", SecurityError, ""},
		{"https://example..com", own, SecurityError, ""},
		{"https://" + strings.Repeat("a", 64) + ".com", own, SecurityError, ""},

		// Addresses, in all the ways of writing them.
		{"https://127.0.0.1", own, SecurityError, ""},
		{"https://127.0.0.1", "127.0.0.1", SecurityError, ""},
		{"https://1.2.3.4", "3.4", SecurityError, ""},
		{"https://127.1", own, SecurityError, ""},
		{"https://2130706433", own, SecurityError, ""},
		{"https://0x7f000001", own, SecurityError, ""},
		{"https://0x7f.1", own, SecurityError, ""},
		{"https://[::1]", own, SecurityError, ""},
		{"https://[::1]:8443", "::1", SecurityError, ""},
		{"https://example.com", "1.2.3.4", SecurityError, ""},

		// Internationalized names.
		{"https://bücher.example", own, "xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://www.bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", "https://www.xn--bcher-kva.example"},
		{"https://bücher.example", "bücher.example", SecurityError, ""},
		{"https://faß.example", own, "xn--fa-hia.example", "https://xn--fa-hia.example"},
		{"https://www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", "https://www.xn--85x722f.xn--55qx5d.cn"},
		{"https://食狮.公司.cn", "xn--55qx5d.cn", SecurityError, ""},
		{"https://r3---sn.example.com", "example.com", "example.com", ""},
		{"https://a_b.example.com", own, SecurityError, ""},

		// Schemes.
		{"http://localhost", own, "localhost", ""},
		{"http://localhost:8080", "localhost", "localhost", ""},
		{"http://localhost:80", own, "localhost", "http://localhost"},
		{"http://app.localhost:3000", own, "app.localhost", ""},
		{"http://app.localhost", "localhost", SecurityError, ""},
		{"http://example.com", own, SecurityError, ""},
		{"http://notlocalhost", own, SecurityError, ""},
		{"http://localhost.example.com", own, SecurityError, ""},
		{"http://127.0.0.1", own, SecurityError, ""},
		{"null", own, NotAllowedError, ""},
		{"", own, NotAllowedError, ""},
		{"example.com", own, NotAllowedError, ""},
		{"file:///etc/passwd", own, NotAllowedError, ""},
		{"data:text/html,x", own, NotAllowedError, ""},
		{"android:apk-key-hash:x", own, NotAllowedError, ""},
		{"https://", own, NotAllowedError, ""},
		{"https://example.com:99999", own, SecurityError, ""},
	} {
		t.Run(tt.origin+" "+tt.rpID, func(t *testing.T) {
			f := newFake(t)
			f.info.Options = nil
			f.accounts = nil
			c := &Client{Device: f, Origin: tt.origin}
			check := func(origin) error { return nil }
			var rpID *string
			if tt.rpID != own {
				rpID = &tt.rpID
			}
			y, err := c.begin(t.Context(), ClientDataGet, nil, rpID, check)
			if err != nil {
				refused(t, err, tt.want)
				return
			}
			if y.rpID != tt.want {
				t.Errorf("RP ID %q, want %q", y.rpID, tt.want)
			}
			want := tt.data
			if want == "" {
				want = tt.origin
			}
			if data, err := ParseClientData(y.clientData); err != nil || data.Origin != want {
				t.Errorf("client data %s, want origin %s", y.clientData, want)
			}
		})
	}
}

func TestCrossOrigin(t *testing.T) {
	f := newFake(t)
	f.info.Options = nil
	for _, tt := range []struct {
		cross     bool
		top, want string
	}{
		{false, "", `"crossOrigin":false}`},
		{true, "", `"crossOrigin":true}`},
		{false, "https://TOP.example:443", `"crossOrigin":true,"topOrigin":"https://top.example"}`},
	} {
		c := f.client()
		c.CrossOrigin, c.TopOrigin = tt.cross, tt.top
		r, _ := register(t, c, f, nil)
		data, _ := decodeBase64URL([]byte(r.Response.ClientDataJSON))
		if !strings.HasSuffix(string(data), tt.want) {
			t.Errorf("clientDataJSON %s, want %s", data, tt.want)
		}
	}
	c := f.client()
	c.TopOrigin = "null"
	_, err := c.Create(t.Context(), marshal(t, creation))
	refused(t, err, SecurityError)
}

func TestRelatedOrigins(t *testing.T) {
	six := `"https://a.one.com","https://b.two.com","https://three.com","https://four.com","https://five.com","https://six.com"`
	for _, tt := range []struct {
		name, caller, document string
		ok                     bool
	}{
		{"listed", "https://example.de", `{"origins":["https://example.de"]}`, true},
		{"listed with a port", "https://example.de:8443", `{"origins":["https://example.de:8443"]}`, true},
		{"other port", "https://example.de:8443", `{"origins":["https://example.de"]}`, false},
		{"subdomain of a listed one", "https://www.example.de", `{"origins":["https://example.de"]}`, false},
		{"URL of the origin", "https://example.de", `{"origins":["https://example.de/login"]}`, true},
		{"other scheme", "https://example.de", `{"origins":["http://example.de"]}`, false},
		{"broken items are passed over", "https://example.de", `{"origins":["", "::", "null", "https://[::1]", "https://com", "https://example.de"]}`, true},
		{"fifth label", "https://five.com", `{"origins":[` + six + `]}`, true},
		{"sixth label", "https://six.com", `{"origins":[` + six + `]}`, false},
		{"label seen among the first five", "https://one.org", `{"origins":[` + six + `,"https://one.org"]}`, true},
		{"empty", "https://example.de", `{"origins":[]}`, false},
		{"no origins", "https://example.de", `{}`, false},
		{"other case", "https://example.de", `{"Origins":["https://example.de"]}`, false},
		{"null", "https://example.de", `{"origins":null}`, false},
		{"not an array", "https://example.de", `{"origins":"https://example.de"}`, false},
		{"not strings", "https://example.de", `{"origins":["https://example.de",1]}`, false},
		{"a null among them", "https://example.de", `{"origins":["https://example.de",null]}`, false},
		{"not an object", "https://example.de", `["https://example.de"]`, false},
		{"not JSON", "https://example.de", `<html>`, false},
		{"too long", "https://example.de", `{"origins":["https://example.de"],"x":"` + strings.Repeat("x", maxRelatedOriginLen) + `"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.info.Options = nil
			c := f.client()
			c.Origin = tt.caller
			c.RelatedOrigins = func(_ context.Context, rpID string) ([]byte, error) {
				if rpID != "example.com" {
					t.Errorf("fetches of %q", rpID)
				}
				return []byte(tt.document), nil
			}
			_, err := c.Create(t.Context(), marshal(t, with(creation, map[string]any{"rp": map[string]any{"id": "example.com", "name": ""}})))
			if tt.ok && err != nil {
				t.Error(err)
			}
			if !tt.ok {
				refused(t, err, SecurityError)
			}
		})
	}
}

func TestRelatedOriginsFetch(t *testing.T) {
	f := newFake(t)
	c := f.client()
	c.RelatedOrigins = func(context.Context, string) ([]byte, error) { return nil, errors.New("404") }
	_, err := c.Get(t.Context(), marshal(t, with(request, map[string]any{"rpId": "example.org"})))
	refused(t, err, SecurityError)

	c.RelatedOrigins = func(context.Context, string) ([]byte, error) {
		t.Error("fetches though the RP ID is the origin's own, or no domain")
		return nil, nil
	}
	f.accounts = nil
	for _, rpID := range []string{"example.com", "1.2.3.4", "Example.org"} {
		_, _ = c.Get(t.Context(), marshal(t, with(request, map[string]any{"rpId": rpID})))
	}
}

// A document is refused, or what it allows is spelled out in it.
func FuzzRelatedOrigins(f *testing.F) {
	f.Add([]byte(`{"origins":["https://example.de","https://example.fr:444"]}`))
	f.Add([]byte(`{"origins":[null,1,{}]}`))
	caller, _ := parseOrigin("https://example.de")
	f.Fuzz(func(t *testing.T, document []byte) {
		related, err := isRelated(document, caller)
		if err != nil && related {
			t.Fatal("related, and an error")
		}
		if !related {
			return
		}
		var d map[string][]string
		if err := json.Unmarshal(document, &d); err != nil {
			t.Fatal(err)
		}
		for _, item := range d["origins"] {
			if o, ok := parseOrigin(item); ok && o == caller {
				return
			}
		}
		t.Errorf("related by %q", d["origins"])
	})
}

// A host that claims an RP ID ends in it, behind a dot or whole.
func FuzzRegistrableSuffix(f *testing.F) {
	f.Add("example.com", "www.example.com")
	f.Add("github.io", "a.github.io")
	f.Add("\x81", "\x80")
	f.Fuzz(func(t *testing.T, rpID, host string) {
		h, ok := parseHost(host)
		r, ok2 := parseHost(rpID)
		if !ok || !ok2 || !registrableSuffix(r, h) {
			return
		}
		if h != r && !strings.HasSuffix(h, "."+r) {
			t.Errorf("%q may claim %q", h, r)
		}
		if again, ok := parseHost(h); !ok || again != h {
			t.Errorf("host %q is parsed to %q", h, again)
		}
	})
}

// What counts as plain is what IDNA leaves as it is, and a URL's parser, too.
func FuzzPlainHost(f *testing.F) {
	f.Add("login.example")
	f.Add("a--b.-1.")
	f.Add("xn--a")
	f.Fuzz(func(t *testing.T, s string) {
		if !isPlain(s) {
			return
		}
		if host, err := domains.ToASCII(s); err != nil || host != s {
			t.Errorf("IDNA makes %q of %q: %v", host, s, err)
		}
		fast, fastOK := parseOrigin("https://" + s)
		if slow, ok := parseOrigin("HTTPS://" + s); ok != fastOK || ok && slow != fast {
			t.Errorf("the origin of %q is %v, %t, and as a URL %v, %t", s, fast, fastOK, slow, ok)
		}
	})
}
