package rptest

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// jar keeps cookies as browsers do, which refuse those for all sites of a public
// suffix, and take Secure ones from loopback addresses also where these have no
// TLS.
type jar struct{ *cookiejar.Jar }

func newJar() (jar, error) {
	j, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	return jar{j}, err
}

// SetCookies implements http.CookieJar.
func (j jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.Jar.SetCookies(secure(u), cookies) }

// Cookies implements http.CookieJar.
func (j jar) Cookies(u *url.URL) []*http.Cookie { return j.Jar.Cookies(secure(u)) }

func secure(u *url.URL) *url.URL {
	if u.Scheme != "http" || !IsLoopback(u.Hostname()) {
		return u
	}
	s := *u
	s.Scheme = "https"
	return &s
}

// IsLoopback tells whether a host name is this machine's: localhost, a name below
// it, 127.0.0.0/8 or ::1.
func IsLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
