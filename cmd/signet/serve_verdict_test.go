package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	service "github.com/seed-77d61853/signet/cmd/signet/internal/serve"
)

// The service says of a site what signet audit ends with.
func TestServeVerdict(t *testing.T) {
	refuses := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not today", http.StatusForbidden) })
	server, err := service.New(service.Config{Token: "a token of the tests"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	ask := func(method, path, body string) (answer struct {
		ID, State  string
		ExitStatus *int
	}) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewReader([]byte(body)))
		r.Header.Set("Authorization", "Bearer a token of the tests")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= 300 {
			t.Fatalf("%s %s: %d %s: %v", method, path, w.Code, w.Body, err)
		}
		return answer
	}
	for name, test := range map[string]struct {
		site   http.Handler
		failOn string
	}{
		"strict":             {brokenSite(t), "high"},
		"finding":            {brokenSite(t, "login.origin.port"), "high"},
		"finding of less":    {brokenSite(t, "login.origin.port"), "critical"},
		"no verdict":         {refuses, "high"},
		"no verdict on less": {refuses, "critical"},
	} {
		var want exitStatus
		if err := audited(t.Context(), t, test.site, "--origin", "https://login.example", "--case", "login.origin.port", "--fail-on", test.failOn); err != nil && !errors.As(err, &want) {
			t.Fatalf("%s: %v", name, err)
		}
		site := httptest.NewServer(test.site)
		defer site.Close()
		run := ask("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":"https://login.example","only":["login.origin.port"],"failOn":%q}`, site.URL, test.failOn))
		for ; run.State == "running"; time.Sleep(10 * time.Millisecond) {
			run = ask("GET", "/v1/runs/"+run.ID, "")
		}
		if run.ExitStatus == nil || *run.ExitStatus != int(want) {
			t.Errorf("%s: the service says %+v, and signet audit ends with %d", name, run, want)
		}
	}
}
