package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// audited runs signet audit of a handler and gives the error that it ends with.
func audited(ctx context.Context, t *testing.T, site http.Handler, args ...string) error {
	t.Helper()
	server := httptest.NewServer(site)
	defer server.Close()
	cmd := newAudit()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(io.Discard)
	cmd.SetArgs(append([]string{"--fido-api", server.URL}, args...))
	return cmd.ExecuteContext(ctx)
}

func brokenSite(t *testing.T, off ...brokenrp.Check) *brokenrp.Site {
	t.Helper()
	site, err := brokenrp.New(brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}, Off: off})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// An audit's exit status tells a site without findings from one with some, and
// from one that it could not judge.
func TestAuditStatus(t *testing.T) {
	refuses := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not today", http.StatusForbidden) })
	known, wasBetter := filepath.Join(t.TempDir(), "known"), filepath.Join(t.TempDir(), "known")
	for path, outcome := range map[string]rptest.Outcome{known: rptest.Accepted, wasBetter: rptest.Crashed} {
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"known":{"login.origin.port":%q}}`, outcome), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		site http.Handler
		args []string
		want error
	}{
		"strict":                  {brokenSite(t), nil, nil},
		"finding":                 {brokenSite(t, "login.origin.port"), nil, statusFinding},
		"finding of less":         {brokenSite(t, "login.origin.port"), []string{"--fail-on", "critical"}, nil},
		"no verdict":              {refuses, nil, statusNoVerdict},
		"no verdict on less":      {refuses, []string{"--fail-on", "critical"}, nil},
		"finding in a baseline":   {brokenSite(t, "login.origin.port"), []string{"--baseline", known}, nil},
		"finding that got worse":  {brokenSite(t, "login.origin.port"), []string{"--baseline", wasBetter}, statusFinding},
		"no verdict, as baseline": {refuses, []string{"--write-baseline", filepath.Join(t.TempDir(), "known")}, nil},
		"finding, as baseline":    {brokenSite(t, "login.origin.port"), []string{"--write-baseline", filepath.Join(t.TempDir(), "known")}, nil},
	} {
		dir := t.TempDir()
		args := append([]string{
			"--origin", "https://login.example", "--case", "login.origin.port", "--junit", filepath.Join(dir, "junit.xml"), "--sarif", filepath.Join(dir, "audit.sarif"),
		}, test.args...)
		if err := audited(t.Context(), t, test.site, args...); !errors.Is(err, test.want) {
			t.Errorf("%s: ends with %v, want %v", name, err, test.want)
		}
		agrees(t, name, dir, test.want)
	}
}

// agrees holds junit.xml and audit.sarif in a folder against an exit status.
func agrees(t *testing.T, name, dir string, status error) {
	t.Helper()
	var junit struct {
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err == nil {
		err = xml.Unmarshal(text, &junit)
	}
	if err != nil {
		t.Fatal(err)
	}
	failed := status == statusFinding
	stuck := status == statusNoVerdict || status == statusInterrupted
	if junit.Failures > 0 != failed || junit.Errors > 0 != stuck {
		t.Errorf("%s: ends with %v, and JUnit has %+v", name, status, junit)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "audit.sarif")); err != nil {
		t.Fatal(err)
	}
	var sarif struct {
		Runs []struct {
			Results     []struct{ Level string }
			Invocations []struct {
				ToolExecutionNotifications []struct{ Level string }
			}
		}
	}
	if err := json.Unmarshal(text, &sarif); err != nil {
		t.Fatal(err)
	}
	isError := func(of struct{ Level string }) bool { return of.Level == "error" }
	run := sarif.Runs[0]
	if slices.ContainsFunc(run.Results, isError) != failed || slices.ContainsFunc(run.Invocations[0].ToolExecutionNotifications, isError) != stuck {
		t.Errorf("%s: ends with %v, and SARIF has %+v", name, status, run)
	}
}

// Ctrl-C ends an audit with 130, and what was played is in the report. A baseline
// is not written from half an audit.
func TestAuditInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	site := brokenSite(t)
	var requests, last atomic.Int64
	interrupts := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == last.Load() {
			cancel()
		}
		site.ServeHTTP(w, r)
	})
	// Of several cases that are played at once, some are done after two thirds.
	if err := audited(ctx, t, interrupts, "--case", "login.origin."); errors.Is(err, statusInterrupted) {
		t.Fatal(err)
	}
	last.Store(requests.Swap(0) * 2 / 3)
	dir := t.TempDir()
	report, baseline := filepath.Join(dir, "report.json"), filepath.Join(dir, "known")
	err := audited(ctx, t, interrupts, "--case", "login.origin.", "--json", report, "--write-baseline", baseline,
		"--junit", filepath.Join(dir, "junit.xml"), "--sarif", filepath.Join(dir, "audit.sarif"))
	if !errors.Is(err, statusInterrupted) {
		t.Errorf("ends with %v", err)
	}
	agrees(t, "interrupted", dir, statusInterrupted)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"outcome": "not-run"`, `"the audit was stopped"`, `"noVerdict": 0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %s", want)
		}
	}
	if strings.Contains(string(text), `"asWanted": 0`) {
		t.Error("the report has nothing that was played")
	}
	if _, err := os.Stat(baseline); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a baseline was written: %v", err)
	}
}

// SARIF places findings in the repository, wherever the audit is started.
func TestAuditInRepository(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "repository", "test")
	for _, d := range []string{dir, filepath.Join(root, "repository", ".git"), filepath.Join(root, "plain")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ from, file, want string }{
		{dir, "rp.yaml", "test/rp.yaml"},
		{filepath.Join(root, "repository"), "test/rp.yaml", "test/rp.yaml"},
		{root, filepath.Join(dir, "rp.yaml"), "test/rp.yaml"},
		{root, "plain/rp.yaml", "plain/rp.yaml"},
		{dir, filepath.Join(root, "plain", "rp.yaml"), ""},
		{dir, "", ""},
	} {
		t.Chdir(test.from)
		if got := inRepository(test.file); got != test.want {
			t.Errorf("%s in %s is %q, want %q", test.file, test.from, got, test.want)
		}
	}
}

// The mappings that the documents show can be read.
func TestDocumentedMappings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "testing", "mapping.md"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "base:") {
			continue
		}
		if _, err := rptest.ParseMapping(strings.NewReader(block[1])); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
		read++
	}
	if read != 2 {
		t.Errorf("%d mappings", read)
	}
}
