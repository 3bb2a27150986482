package serve

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// shim fetches the script and gives what it was told.
func (s *service) shim(t testing.TB, device string, origins ...string) (c shimConfig) {
	t.Helper()
	status, script := s.do("GET", "/v1/shim.js?"+url.Values{"device": {device}, "origin": origins}.Encode(), nil)
	_, config, ok := strings.Cut(strings.TrimSpace(string(script)), "\n})(")
	if status != 200 || !ok {
		t.Fatalf("shim: %d %.200s", status, script)
	}
	if err := json.Unmarshal([]byte(strings.TrimSuffix(config, ");")), &c); err != nil {
		t.Fatalf("the shim ends in %s: %v", config, err)
	}
	return c
}

func TestShim(t *testing.T) {
	s := start(t, Config{})
	s.device(`{"origins":["https://login.example","https://shop.example"]}`)
	s.device(`{"profile":"u2f"}`)
	if c := s.shim(t, "d1"); len(c.Tokens) != 2 || !c.Capabilities["userVerifyingPlatformAuthenticator"] || !c.Capabilities["extension:prf"] {
		t.Errorf("of a bound phone: %+v", c)
	}
	if c := s.shim(t, "d1", "https://shop.example"); len(c.Tokens) != 1 {
		t.Errorf("for one of its origins: %+v", c)
	}
	if c := s.shim(t, "d2"); len(c.Tokens) != 0 || c.Capabilities["userVerifyingPlatformAuthenticator"] || c.Capabilities["extension:prf"] {
		t.Errorf("of a key that may go anywhere: %+v", c)
	}
	s.refused(404, "NotFound", "no device", "GET", "/v1/shim.js?device=d9", nil)
	s.refused(400, "BadRequest", "device is missing: /v1/shim.js?device=ID", "GET", "/v1/shim.js?origin=https://login.example", nil)
	s.refused(400, "BadRequest", "origin", "GET", "/v1/shim.js?device=d2&origin=login.example", nil)
	if lines := strings.Count(string(shimJS), "\n"); lines >= 400 {
		t.Errorf("the shim has %d lines", lines)
	}
	for _, word := range []string{"eval(", "Function("} {
		if strings.Contains(string(shimJS), word) {
			t.Errorf("the shim has %s, which a page's policy may forbid", word)
		}
	}
}
