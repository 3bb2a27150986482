package rptest

import (
	"net/http"
	"net/url"
	"testing"
)

// Browsers keep Secure cookies of loopback addresses, and send them back, without
// TLS; of no other.
func TestSecureCookies(t *testing.T) {
	for base, want := range map[string]bool{
		"http://localhost:8080": true, "http://app.localhost": true, "http://127.0.0.1:8080": true, "http://127.8.9.1": true, "http://[::1]:80": true,
		"https://login.example": true, "http://login.example": false, "http://localhost.example": false, "http://128.0.0.1": false,
	} {
		j, err := newJar()
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		j.SetCookies(u, []*http.Cookie{{Name: "session", Value: "s", Secure: true}, {Name: "plain", Value: "p"}})
		sent := map[string]bool{}
		for _, c := range j.Cookies(u) {
			sent[c.Name] = true
		}
		if sent["session"] != want || !sent["plain"] {
			t.Errorf("%s gets %v", base, sent)
		}
	}
}
