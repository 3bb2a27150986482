package serve

import (
	"bytes"
	"net/http"
	"testing"
)

// Anybody may ask whether the service is there; its description is for those who
// know the token, and is the one that these tests hold it against.
func TestHealth(t *testing.T) {
	s := start(t, Config{})
	stranger := s.with("", "a token that is none")
	if status, got := stranger.do("GET", "/healthz", nil); status != http.StatusOK || string(got) != `{"status":"ok"}` {
		t.Errorf("health: %d %q", status, got)
	}
	if status, got := s.do("GET", "/v1/openapi.yaml", nil); status != http.StatusOK || !bytes.Equal(got, document) {
		t.Errorf("description: %d, %d bytes", status, len(got))
	}
	stranger.refused(http.StatusUnauthorized, "Unauthorized", "token", "GET", "/v1/openapi.yaml", nil)
}
