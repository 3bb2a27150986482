package rptest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A site that is silent does not keep an audit for as long as it has cases, and one
// that answers in between is asked on.
func TestAuditOfSilence(t *testing.T) {
	requests, silent := 0, true
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		requests++
		return false
	})
	rp.transport = mute{rp.transport, &silent}
	audit := &Audit{RP: rp, Origin: "https://login.example", Only: []string{"login.origin."}}
	report, err := audit.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	notPlayed := 0
	for _, r := range report.Results {
		if r.Outcome != ControlFailed || !strings.Contains(r.Detail, "/attestation/options") {
			t.Errorf("%s is %s: %s", r.Case.ID, r.Outcome, r.Detail)
		}
		if strings.HasPrefix(r.Detail, "not played") {
			notPlayed++
		}
	}
	if want := len(report.Results) - maxSilence + 1; notPlayed != want || requests != 0 { // the first request looks for the site
		t.Errorf("%d not played, want %d; %d requests", notPlayed, want, requests)
	}
	silent = false
	if report, err = audit.Run(t.Context()); err != nil || report.Results[0].Outcome != Rejected {
		t.Errorf("%v, %v", report, err)
	}
}

// Requests that wait at the same time are one silence.
func TestSilenceInRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), FIDO())
		r := &run{Audit: Audit{RP: &audited{RP: site}}}
		for range maxSilence {
			if err := r.lost(); err != nil {
				t.Fatal(err)
			}
			var posts sync.WaitGroup
			for range maxSilence {
				posts.Go(func() { do(t, r.RP) })
			}
			posts.Wait()
		}
		if err := r.lost(); err == nil || !strings.Contains(err.Error(), "5 requests in a row") || !strings.Contains(err.Error(), "/assertion/options") {
			t.Error(err)
		}
	})
}

// mute is a network in which nothing is answered in time.
type mute struct {
	http.RoundTripper
	silent *bool
}

func (m mute) RoundTrip(r *http.Request) (*http.Response, error) {
	if *m.silent {
		return nil, context.DeadlineExceeded
	}
	return m.RoundTripper.RoundTrip(r)
}

// An audit does not begin where nobody can be spoken to, and a site that answers
// badly is one that can.
func TestAuditUnreachable(t *testing.T) {
	secure, plain := httptest.NewTLSServer(http.NotFoundHandler()), httptest.NewServer(http.NotFoundHandler())
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer secure.Close()
	defer plain.Close()
	for _, c := range []struct{ url, says string }{
		{secure.URL, "certificate"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "HTTP response to HTTPS client"},
		{gone.URL, "refused"},
		{plain.URL, ""},
	} {
		rp, err := URL(c.url, FIDO(), nil)
		if err != nil {
			t.Fatal(err)
		}
		audit := &Audit{RP: rp, Origin: "https://login.example", Only: []string{"login.origin.port"}}
		report, err := audit.Run(t.Context())
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.url+"/attestation/options")) {
			t.Errorf("%s: %v", c.url, err)
		}
		if c.says == "" && (err != nil || !strings.Contains(report.Results[0].Detail, "POST "+c.url+"/attestation/options: status 404")) {
			t.Errorf("%s: %v", c.url, err)
		}
	}
}

func TestIsOrigin(t *testing.T) {
	for origin, right := range map[string]bool{
		"https://login.example": true, "http://localhost:8080": true, "android:apk-key-hash:x": false,
		"login.example": false, "": false, "https://": false, "https://login.example/": false, "https://login.example/page": false,
		"https://user@login.example": false, "https://login.example?x": false,
	} {
		if IsOrigin(origin) != right {
			t.Errorf("%q: %v", origin, !right)
		}
	}
}
