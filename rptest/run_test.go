package rptest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// runner has this test's program, as another process, play an audit as subtests:
// what a test prints that fails is its output.
func runner(t *testing.T, test string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", "^"+strings.ReplaceAll(test, "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), append(env, "RPTEST_RUN=1")...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestRunner is what runner runs.
func TestRunner(t *testing.T) {
	if os.Getenv("RPTEST_RUN") == "" {
		return
	}
	site, err := brokenrp.New(brokenrp.Config{
		RPID: "login.example", Origins: []string{"https://login.example"}, Off: []brokenrp.Check{"login.userHandle"},
	})
	if err != nil {
		t.Fatal(err)
	}
	rp := Handler(site, FIDO())
	for name, options := range map[string][]RunOption{
		"fails":     {Only("login.user-handle.other", "login.origin.port")},
		"baseline":  {Only("login.user-handle.other", "login.origin.port"), Baseline(os.Getenv("RPTEST_BASELINE"))},
		"nothing":   {Only("sequence.step-up.uv", "sequence.challenge.late")},
		"elsewhere": {Only("login.origin.port", "sequence.step-up.uv"), From("https://other.example")},
	} {
		t.Run(name, func(t *testing.T) { Run(t, rp, options...) })
	}
}

func TestRun(t *testing.T) {
	baseline := filepath.Join(t.TempDir(), "testdata", "passkeys.baseline")
	for _, c := range []struct {
		name, test string
		env        []string
		fails      bool
		says       []string
	}{
		{"a finding", "TestRunner/fails", nil, true, []string{
			"--- FAIL: TestRunner/fails/login.user-handle.other", "--- PASS: TestRunner/fails/login.origin.port",
			"accepted, should reject: status 200", "high: ", "userHandle\n", "fault    h'",
			"run_test.go:", // the caller's line, not Run's
		}},
		{"one case of it", "TestRunner/fails/login.origin.port", nil, false, []string{"--- PASS: TestRunner/fails/login.origin.port"}},
		{"nothing to play", "TestRunner/nothing", nil, true, []string{"no case was played", "a second place that verifies passkeys"}},
		{"one of it", "TestRunner/nothing/sequence.step-up.uv", nil, true, []string{"no case was played"}},
		{"no verdict", "TestRunner/elsewhere", nil, true, []string{
			`no verdict, for the ceremony without the fault failed, too: register first: register on a page of https://other.example, with the RP ID "login.example": SecurityError`,
			"1 of 2 cases were left out"}},
		{"no baseline yet", "TestRunner/baseline", nil, true, []string{"no such file", "run this test with SIGNET_BASELINE=write in the environment"}},
		{"a part of a baseline", "TestRunner/baseline/login.origin.port", []string{"SIGNET_BASELINE=write"}, true, []string{"not every case was played"}},
		{"a baseline written", "TestRunner/baseline", []string{"SIGNET_BASELINE=write"}, false, []string{"into the baseline: accepted", "wrote " + baseline}},
		{"a baseline kept", "TestRunner/baseline", nil, false, []string{"--- PASS: TestRunner/baseline/login.user-handle.other"}},
	} {
		out, err := runner(t, c.test, append(c.env, "RPTEST_BASELINE="+baseline)...)
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if (err != nil) != c.fails {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%s: nothing of %q in\n%s", c.name, says, out)
			}
		}
		lines := bufio.NewScanner(strings.NewReader(out))
		for lines.Scan() {
			if strings.Contains(lines.Text(), "    run.go:") {
				t.Errorf("%s: a line of Run's own: %s", c.name, lines.Text())
			}
		}
	}
}

func TestMended(t *testing.T) {
	known := KnownFindings{"a": Accepted, "b": Crashed, "c": Accepted, "d": Accepted, "e": Accepted}
	r := &Report{Results: []Result{
		{Case: Case{ID: "a"}, Outcome: Rejected}, {Case: Case{ID: "b"}, Outcome: Rejected, Finding: true},
		{Case: Case{ID: "c"}, Outcome: ControlFailed}, {Case: Case{ID: "d"}, Outcome: NotApplicable}, {Case: Case{ID: "f"}, Outcome: Rejected},
	}}
	if got := known.Mended(r); !slices.Equal(got, []string{"a"}) {
		t.Error(got)
	}
}

func TestReadBaseline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	for _, c := range []struct{ file, says string }{
		{`{"known": {"login.origin.port": "accepted", "a.case.of-old": "rejected"}}`, ""},
		{`{"known": {}}`, ""},
		{`{}`, "is no baseline"},
		{`{"rp": "a report", "results": []}`, "is no baseline"},
		{`{"known": {"login.origin.port": "acepted"}}`, `login.origin.port is "acepted"`},
		{`<xml/>`, "is no baseline"},
		{"", "is no baseline"},
	} {
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadBaseline(path)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

// A test that asks for what cannot be done fails: what it gets is no refusal.
func TestMisspeltMutation(t *testing.T) {
	rp := spiedSite(t, func(http.ResponseWriter, string, string) bool { return false })
	for i, c := range []struct {
		script func(*Script)
		fails  bool
	}{
		{func(s *Script) { s.Mutate("login.origin.prot") }, true},
		{func(s *Script) { s.Mutate("register.attestation.tpm.magic") }, true}, // a sign-in has no statement
		{func(s *Script) { s.Mutate("login.origin.port") }, false},
		{func(s *Script) { s.Deny() }, false},
		{func(s *Script) { s.Fail("UnknownError") }, false},
	} {
		u := NewUser(t, rp, "https://login.example")
		u.Session.User = "user" + strconv.Itoa(i)
		u.MustRegister()
		seen := &watched{TB: t}
		u.t = seen
		c.script(u.Device.Next())
		if _, err := u.Login(); err == nil || (seen.errors > 0) != c.fails {
			t.Errorf("%v: the test failed %d times", err, seen.errors)
		}
	}
}

// watched is a test that counts its errors, and goes on.
type watched struct {
	testing.TB
	errors int
}

func (w *watched) Error(...any) { w.errors++ }

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

// A control that fails is told with the request that it failed at, and all before it:
// what somebody looks at who mends a mapping.
func TestControlFailedTellsAll(t *testing.T) {
	at := ""
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if path == at {
			http.Error(w, "no", http.StatusForbidden)
		}
		return path == at
	})
	for path, requests := range map[string]int{
		"/attestation/options": 1, "/attestation/result": 2, "/assertion/options": 3, "/assertion/result": 4,
	} {
		at = path
		audit := &Audit{RP: rp, Origin: "https://login.example", Only: []string{"login.origin.port"}}
		report, err := audit.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := report.Results[0]
		if r.Outcome != ControlFailed || len(r.Exchanges) != requests || !strings.Contains(r.Detail, "POST https://localhost"+path+": status 403: no") {
			t.Errorf("%s: %s, %d requests: %s", path, r.Outcome, len(r.Exchanges), r.Detail)
		}
	}
}

// Requests that wait at the same time are one silence.
func TestPatienceInRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), FIDO())
		r := &run{Audit: Audit{RP: &patience{RP: site}}}
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
