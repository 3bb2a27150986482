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

// A site sets no cookies for its neighbours.
func TestCookiesOfNeighbours(t *testing.T) {
	for _, test := range []struct {
		set, sent, domain string
		want              bool
	}{
		{"https://a.example.co.uk", "https://b.example.co.uk", "example.co.uk", true},
		{"https://a.co.uk", "https://b.co.uk", "co.uk", false},
		{"https://a.github.io", "https://b.github.io", "github.io", false},
		{"https://a.example", "https://b.example", "example", false},
	} {
		j, err := newJar()
		if err != nil {
			t.Fatal(err)
		}
		set, err := url.Parse(test.set)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := url.Parse(test.sent)
		if err != nil {
			t.Fatal(err)
		}
		j.SetCookies(set, []*http.Cookie{{Name: "c", Value: "v", Domain: test.domain}})
		if got := len(j.Cookies(sent)) == 1; got != test.want {
			t.Errorf("%s sets a cookie for %s: that it is sent to %s is %v", test.set, test.domain, test.sent, got)
		}
	}
}
