package brokenrp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	s := newSite(t, Config{Related: []string{"https://login.example.org"}})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	for _, want := range []string{`id="register"`, `id="signin"`, `id="signout"`, "navigator.credentials.create", "navigator.credentials.get"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	b := &browser{t: t, site: s}
	if list := b.must("GET", "/.well-known/webauthn", nil)["origins"].([]any); len(list) != 2 {
		t.Errorf("related origins %v", list)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/attestation/options", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("status %d", w.Code)
	}
}
