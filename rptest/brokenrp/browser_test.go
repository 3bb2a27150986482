package brokenrp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// browser calls a site as one browser does: it keeps the cookie.
type browser struct {
	t      testing.TB
	site   *Site
	cookie *http.Cookie
}

func newSite(t testing.TB, cfg Config) *Site {
	t.Helper()
	cfg.RPID = either(cfg.RPID, "login.example")
	if cfg.Origins == nil {
		cfg.Origins = []string{"https://login.example"}
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *browser) send(r *http.Request) (int, map[string]any) {
	b.t.Helper()
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookie = c
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		b.t.Fatalf("%s %s answers %q: %v", r.Method, r.URL, w.Body, err)
	}
	return w.Code, out
}

// call sends JSON; body may be JSON already.
func (b *browser) call(method, path string, body any) (int, map[string]any) {
	b.t.Helper()
	data, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.send(httptest.NewRequest(method, path, bytes.NewReader(data)))
}

// must is call for what must succeed.
func (b *browser) must(method, path string, body any) map[string]any {
	b.t.Helper()
	code, out := b.call(method, path, body)
	if code != http.StatusOK {
		b.t.Fatalf("%s %s: %d %v", method, path, code, out["errorMessage"])
	}
	return out
}

// refused is call for what must be refused, with the status.
func (b *browser) refused(code int, method, path string, body any) {
	b.t.Helper()
	if got, out := b.call(method, path, body); got != code || out["errorMessage"] == "" {
		b.t.Errorf("%s %s: %d %v, want %d", method, path, got, out["errorMessage"], code)
	}
}

type object = map[string]any

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
