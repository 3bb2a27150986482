package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// asked is the answer to a request of a page of an origin, to a name of the service.
func (s *serving) asked(t *testing.T, token, origin, host string) (status int, allowed string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/devices", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || strings.Contains(string(body), token) {
		t.Errorf("the answer is %s, %v", body, err)
	}
	return resp.StatusCode, resp.Header.Get("Access-Control-Allow-Origin")
}

// The service answers pages and names that the user names, and nobody else.
func TestServeReach(t *testing.T) {
	plain := startServe(t)
	named := startServe(t, "--allow-origin", "http://app.localhost:3000", "--allow-host", "signet.test")
	const app, evil = "http://app.localhost:3000", "https://evil.example"
	for _, test := range []struct {
		service      *serving
		origin, host string
		status       int
	}{
		{plain, "", "", http.StatusOK},
		{plain, app, "", http.StatusForbidden},
		{plain, "", "signet.test", http.StatusForbidden},
		{named, app, "", http.StatusOK},
		{named, app, "signet.test:80", http.StatusOK},
		{named, evil, "", http.StatusForbidden},
		{named, "", "evil.example", http.StatusForbidden},
	} {
		status, allowed := test.service.asked(t, test.service.token, test.origin, test.host)
		if want := test.origin; status != test.status || status == http.StatusOK && allowed != want || status != http.StatusOK && allowed != "" {
			t.Errorf("origin %q, host %q: %d, Access-Control-Allow-Origin %q", test.origin, test.host, status, allowed)
		}
	}
	if status, _ := named.asked(t, "a token that is none", app, ""); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
}

// What nobody asked to keep is gone with the process.
func TestServeForgets(t *testing.T) {
	first := startServe(t)
	if resp := first.do(t, "POST", "/v1/devices", `{}`); resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
	first.cmd.Process.Kill()
	first.cmd.Wait()
	if resp := startServe(t).do(t, "GET", "/v1/devices/d1", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the device is there still: %s", resp.Status)
	}
}
