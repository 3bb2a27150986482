package serve

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
)

// A service on loopback is reached by every page that this machine's browsers
// show: directly, with the page's origin in the header Origin; or under the
// page's own name, where the name's owner makes it point here (DNS rebinding).
// The second is caught by the Host header, the first by Origin, both by the
// token.

// AnyAddress gives Config.Host of a service that other machines reach: by any
// address, since nobody can point an address elsewhere, or by one of the names.
func AnyAddress(names []string) func(string) bool {
	return func(name string) bool {
		_, err := netip.ParseAddr(name)
		return err == nil || rptest.IsLoopback(name) || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
}

// checkHost refuses requests that were sent to a name which is not ours.
func (s *Server) checkHost(r *http.Request) error {
	if s.config.Host == nil {
		return nil
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(name), "["), "]")
	if s.config.Host(name) {
		return nil
	}
	return refusal(http.StatusForbidden, "the host %q is not a name of this service; signet serve --allow-host adds one", r.Host)
}

// crossOrigin judges a request's origin, and tells the browser what its page may
// do. It reports whether the request is answered with that.
func (s *Server) crossOrigin(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	header := w.Header()
	header.Set("Vary", "Origin")
	if !s.allows(origin, strings.HasPrefix(r.URL.Path, pagePrefix)) {
		fail(w, refusal(http.StatusForbidden, "pages of %q may not use this service; signet serve --allow-origin lets them", origin))
		return true
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
	header.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		header.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allows tells whether pages of an origin may use the service; or, with
// fromShim, what the shim in them calls.
func (s *Server) allows(origin string, fromShim bool) bool {
	if !fromShim {
		return slices.Contains(s.config.Origins, origin)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pages[origin]
}

// bearer gives the token of a request; empty where it has none.
func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// checkToken refuses requests without the token. It compares hashes, so that
// the time it takes tells nothing, not even the length.
func (s *Server) checkToken(r *http.Request) error {
	given := sha256.Sum256([]byte(bearer(r)))
	if subtle.ConstantTimeCompare(given[:], s.token[:]) != 1 {
		return refusal(http.StatusUnauthorized, "the header Authorization has to be Bearer and the service's token, which is in the file that the ready line names")
	}
	return nil
}

// A page has a token of its own: it is good for the ceremonies of one device,
// in pages of one origin. It is the device's ID and a MAC over both.

// pageToken makes a page's token, and lets pages of its origin call.
func (s *Server) pageToken(device, origin string) string {
	s.mu.Lock()
	s.pages[origin] = true
	s.mu.Unlock()
	return device + "." + s.pageMAC(device, origin)
}

func (s *Server) pageMAC(device, origin string) string {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write([]byte(device + " " + origin)) // an ID has no spaces
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkPage gives the device that a page's token is for.
func (s *Server) checkPage(r *http.Request) (string, error) {
	id, mac, _ := strings.Cut(bearer(r), ".")
	if !hmac.Equal([]byte(mac), []byte(s.pageMAC(id, r.Header.Get("Origin")))) {
		return "", refusal(http.StatusUnauthorized, "this is not the token of a page of %q", r.Header.Get("Origin"))
	}
	return id, nil
}

// pageKey marks the context of a page's request.
type pageKey struct{}

// pageOrigin is the origin of the page whose shim sent a request; empty where
// it was none.
func pageOrigin(r *http.Request) string {
	origin, _ := r.Context().Value(pageKey{}).(string)
	return origin
}
