package report

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// JUnit and SARIF say of each result what FailOn says of the audit.
func TestFailOn(t *testing.T) {
	for _, test := range []struct {
		from                      rptest.Severity
		failures, errors, skipped int
	}{
		{rptest.Low, 3, 1, 3},
		{rptest.Medium, 3, 1, 3},
		{rptest.High, 3, 0, 4},
		{rptest.Critical, 2, 0, 5},
		{rptest.Critical + 1, 0, 0, 7},
	} {
		r := sample()
		r.FailOn = test.from
		var junit junitSuites
		if err := xml.Unmarshal(written(t, "junit.xml", r), &junit); err != nil {
			t.Fatal(err)
		}
		if junit.Failures != test.failures || junit.Errors != test.errors || junit.Skipped != test.skipped || junit.Tests != 10 {
			t.Errorf("from %s: %+v", test.from, junit.junitCounts)
		}
		for _, suite := range junit.Suites {
			for _, c := range suite.Cases {
				told := c.Failure != nil || strings.Contains(c.Output, "Seen: ")
				if found := c.Name == "register.rpid" || c.Name == "register.flags" || c.Name == "register.origin" || c.Name == "options.challenge"; found != told {
					t.Errorf("from %s: of %s is told %+v %q", test.from, c.Name, c.Failure, c.Output)
				}
			}
		}
		failures, errors := sarifErrors(t, r)
		if failures != test.failures || errors != test.errors {
			t.Errorf("from %s: SARIF has %d results and %d notifications that are errors", test.from, failures, errors)
		}
	}
}

func TestStopped(t *testing.T) {
	r := sample()
	r.FailOn, r.Stopped = rptest.Critical+1, true
	var junit junitSuites
	if err := xml.Unmarshal(written(t, "junit.xml", r), &junit); err != nil {
		t.Fatal(err)
	}
	if _, errors := sarifErrors(t, r); junit.Errors != 1 || junit.Tests != 11 || errors != 1 {
		t.Errorf("JUnit has %+v, SARIF %d errors", junit.junitCounts, errors)
	}
}

func sarifErrors(t *testing.T, r *rptest.Report) (results, notifications int) {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal(written(t, "sarif.json", r), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	for _, r := range run.Results {
		if r.Level == "error" {
			results++
		}
	}
	for _, n := range run.Invocations[0].Notifications {
		if n.Level == "error" {
			notifications++
		}
	}
	if run.Invocations[0].Successful == r.Stopped {
		t.Error("a run that was stopped, or one that was not, is called the other")
	}
	return results, notifications
}
