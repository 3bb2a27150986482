package serve

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
)

//go:embed shim.js
var shimJS []byte

// shimConfig is what the shim knows.
type shimConfig struct {
	URL          string            `json:"url"`
	Device       string            `json:"device"`
	Tokens       map[string]string `json:"tokens"` // page tokens by origin
	Capabilities map[string]bool   `json:"capabilities"`
}

// shim serves the script for the device and the pages that the query names:
// device=ID, origin=https://login.example. Without an origin, those that the
// device is bound to.
func (s *Server) shim(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if !q.Has("device") {
		return refusal(http.StatusBadRequest, "device is missing: /v1/shim.js?device=ID")
	}
	d, err := s.device(q.Get("device"))
	if err != nil {
		return err
	}
	origins := q["origin"]
	if len(origins) == 0 {
		origins = d.asked.Origins
	}
	c := shimConfig{URL: "http://" + r.Host, Device: d.id, Tokens: map[string]string{}, Capabilities: d.capabilities()}
	for _, o := range origins {
		if err := checkOrigin(o); err != nil {
			return refusal(http.StatusBadRequest, "%v", err)
		}
		if len(d.asked.Origins) > 0 && !slices.Contains(d.asked.Origins, o) {
			return refusal(http.StatusForbidden, "device %s is for pages of %q, not of %q", d.id, d.asked.Origins, o)
		}
		c.Tokens[o] = s.pageToken(d.id, o)
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return raw(w, "text/javascript; charset=utf-8", bytes.Replace(shimJS, []byte("(SIGNET)"), slices.Concat([]byte("("), config, []byte(")")), 1))
}

// capabilities are what getClientCapabilities tells of a browser that has the
// device and the shim (WebAuthn §5.1.7).
func (d *device) capabilities() map[string]bool {
	c := d.Config()
	internal := slices.Contains(c.Transports, "internal")
	return map[string]bool{
		"conditionalCreate":                  true,
		"conditionalGet":                     true,
		"hybridTransport":                    slices.Contains(c.Transports, "hybrid"),
		"passkeyPlatformAuthenticator":       internal && !c.NoDiscoverable,
		"userVerifyingPlatformAuthenticator": internal && !c.NoVerification,
		"relatedOrigins":                     true,
		"signalAllAcceptedCredentials":       true,
		"signalCurrentUserDetails":           true,
		"signalUnknownCredential":            true,
		"extension:credProps":                true,
		"extension:appid":                    true,
		"extension:prf":                      !c.NoPRF,
		"extension:largeBlob":                !c.NoLargeBlob,
	}
}
