package rptest

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// runner has this test's program, as another process, play an audit as subtests:
// what a test prints that fails is its output.
func runner(t *testing.T, test string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.v="+strconv.FormatBool(!slices.Contains(env, "QUIET=1")), "-test.run", "^"+strings.ReplaceAll(test, "/", "$/^")+"$")
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
	local, err := brokenrp.New(brokenrp.Config{RPID: "localhost", Origins: []string{"http://localhost:8080"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func(*testing.T){
		"sign-ins": func(t *testing.T) {
			refusing := http.NewServeMux()
			refusing.Handle("/", site)
			refusing.HandleFunc("/assertion/result", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
			Run(t, Handler(refusing, FIDO()), Only("login.origin.port", "sequence.step-up.uv"))
		},
		"assumed":         func(t *testing.T) { Run(t, Handler(local, FIDO())) },
		"assumed-options": func(t *testing.T) { Run(t, Handler(local, FIDO()), Only("options.challenge.")) },
		"address": func(t *testing.T) {
			server := httptest.NewServer(local)
			defer server.Close()
			rp, err := URL(strings.Replace(server.URL, "127.0.0.1", "localhost", 1), FIDO(), nil)
			if err != nil {
				t.Fatal(err)
			}
			Run(t, rp)
		},
		"mapping": func(t *testing.T) {
			m := FIDO()
			m.Origin = "http://localhost:8080"
			Run(t, Handler(local, m), Only("login.origin.port"))
		},
	} {
		t.Run(name, run)
	}
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
		{"no verdict", "TestRunner/sign-ins", nil, true, []string{
			"no verdict, for the site did not take what is right, or did not look: without the fault: rejected: POST https://localhost/assertion/result: status 403: no",
			"1 of 2 cases were left out"}},
		{"an origin that is another", "TestRunner/elsewhere", nil, true, []string{
			`no case is played, for the site takes no honest registration: register on a page of https://other.example, with the RP ID "login.example": SecurityError`,
			"at https://other.example, as rptest.From says:"}},
		{"an origin that nobody said", "TestRunner/assumed", nil, true, []string{
			"no honest registration: POST https://localhost/attestation/result: status 400: register.origin",
			`at https://localhost, which is https:// and the RP ID, since nobody said: if they are elsewhere, write rptest.From("http://localhost:8080")`}},
		{"one that is the address", "TestRunner/address", nil, true, []string{`write rptest.From("http://localhost:`}},
		{"options alone", "TestRunner/assumed-options", nil, false, []string{": no flaw: three options have three challenges"}},
		{"the mapping's origin", "TestRunner/mapping", nil, false, []string{"--- PASS: TestRunner/mapping/login.origin.port"}},
		{"no baseline yet", "TestRunner/baseline", nil, true, []string{"no such file", "run this test with SIGNET_BASELINE=write in the environment"}},
		{"a part of a baseline", "TestRunner/baseline/login.origin.port", []string{"SIGNET_BASELINE=write"}, true, []string{"not every case was played"}},
		{"a baseline written", "TestRunner/baseline", []string{"SIGNET_BASELINE=write"}, false, []string{"into the baseline: accepted", "wrote " + baseline + ", which forgives 1 high"}},
		{"a baseline written by who sees no logs", "TestRunner/baseline", []string{"SIGNET_BASELINE=write", "QUIET=1"}, false, []string{"wrote " + baseline + ", which forgives 1 high"}},
		{"a baseline misspelt", "TestRunner/baseline", []string{"SIGNET_BASELINE=wrote"}, true, []string{`SIGNET_BASELINE is "wrote" in the environment`}},
		{"a baseline kept", "TestRunner/baseline", nil, false, []string{"--- PASS: TestRunner/baseline/login.user-handle.other"}},
	} {
		out, err := runner(t, c.test, append(c.env, "RPTEST_BASELINE="+baseline)...)
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if (err != nil) != c.fails {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		if strings.Contains(out, "no case is played") && strings.Contains(out, "--- FAIL: "+c.test+"/") {
			t.Errorf("%s: a case is played:\n%s", c.name, out)
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
