package serve

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// explosive is a relying party that ends whoever asks it.
type explosive struct{}

func (explosive) Name() string            { return "explosive" }
func (explosive) Offers(rptest.Step) bool { return true }
func (explosive) Do(context.Context, *rptest.Session, rptest.Step, rptest.Request) (*rptest.Answer, error) {
	panic("boom")
}

// An audit that panics is one that failed, and the service goes on.
func TestAuditPanics(t *testing.T) {
	var told bytes.Buffer
	former := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&told, nil)))
	defer slog.SetDefault(former)
	s := start(t, Config{})
	for range maxRunning + 1 { // none keeps its place
		if _, err := s.server.runs.start(t.Context(), &rptest.Audit{RP: explosive{}, Origin: "https://login.example"}); err != nil {
			t.Fatal(err)
		}
		s.server.runs.wait()
	}
	r := s.must("GET", "/v1/runs/r1", nil)
	if failure, _ := r["failure"].(string); r["state"] != "failed" || !strings.Contains(failure, "a fault of Signet: boom") {
		t.Errorf("an audit that panicked is %v", r)
	}
	s.refused(404, "NotFound", "no report", "GET", "/v1/runs/r1/report.json", nil)
	if !strings.Contains(told.String(), "explosive.Do") {
		t.Errorf("the log does not say where: %s", &told)
	}
}

// Sites cannot fill the memory by what they answer: older reports go, and what an
// audit came to stays.
func TestReportsAreBounded(t *testing.T) {
	s := start(t, Config{})
	rs := &s.server.runs
	long := strings.Repeat("x", maxReports/4)
	exchanges := []rptest.Exchange{{ResponseBody: long[1:]}}
	reports := []*rptest.Report{
		{Results: []rptest.Result{{Detail: long}}},
		{Results: []rptest.Result{{Exchanges: exchanges}, {Finding: true, Case: rptest.Case{Sev: rptest.High}}}},
		{Results: []rptest.Result{{Fault: rptest.Evidence{Options: []byte(long), Honest: []byte(long)}}}},
		{Results: []rptest.Result{{Control: rptest.Evidence{Exchanges: exchanges}}}}, // takes the first one's place
		{Results: []rptest.Result{{Detail: long}, {Detail: long}, {Detail: long}, {Detail: long}, {Detail: long}}},
		{FailOn: rptest.High, Results: []rptest.Result{}},
	}
	have := func(when string, want ...bool) {
		t.Helper()
		for i, r := range rs.all {
			if kept := r.report != nil; kept != want[i] {
				t.Errorf("%s: that report %s is kept is %v", when, r.id, kept)
			}
		}
	}
	for i, report := range reports {
		rs.made++
		id := "r" + string(rune('1'+i))
		r := &run{id: id, shown: runStatus{ID: id}}
		rs.all = append(rs.all, r)
		rs.running++
		rs.end(r, report, nil)
		switch i {
		case 2:
			have("all fit", true, true, true)
		case 3:
			have("one too many", false, true, true, true)
		case 4:
			have("a long one", false, false, false, false, true)
		}
	}
	have("after a long one", false, false, false, false, false, true)
	s.refused(410, "Gone", "256 MiB", "GET", "/v1/runs/r2/report.json", nil)
	if r := s.must("GET", "/v1/runs/r2", nil); r["state"] != "done" || r["findings"] != 1.0 {
		t.Errorf("without its report the run is %v", r)
	}
	s.must("GET", "/v1/runs/r6/report.json", nil)
}

// Of a run that is kept no longer it is said that there was one.
func TestForgottenRuns(t *testing.T) {
	s := start(t, Config{})
	for range maxRuns + 1 {
		if _, err := s.server.runs.start(t.Context(), &rptest.Audit{RP: explosive{}, Only: []string{"no.such.case"}}); err != nil {
			t.Fatal(err)
		}
		s.server.runs.wait()
	}
	s.refused(404, "NotFound", "64 are kept", "GET", "/v1/runs/r1", nil)
	s.must("GET", "/v1/runs/r2", nil)
	for _, other := range []string{"1", "r01", "r+1", "r-1", "r0", "r"} {
		if status, answer := s.do("GET", "/v1/runs/"+other, nil); status != 404 || strings.Contains(string(answer), "any more") {
			t.Errorf("run %q: %d %s", other, status, answer)
		}
	}
	s.refused(404, "NotFound", `no run "r66"`, "GET", "/v1/runs/r66", nil)
}
