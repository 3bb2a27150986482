package rptest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A baseline hides a finding that stayed as bad as it was, or became less so; one that
// is new or worse it does not, nor what is no finding.
func TestBaselineHides(t *testing.T) {
	reject, accept := Case{ID: "login.a", Want: MustReject, Sev: High}, Case{ID: "login.b", Want: MustAccept, Sev: High}
	for _, test := range []struct {
		of       Case
		was, now Outcome
		known    bool
	}{
		{reject, Crashed, Crashed, true},
		{reject, Accepted, Accepted, true},
		{reject, RejectedButStored, RejectedButStored, true},
		{reject, Accepted, Crashed, true},
		{reject, RejectedButStored, Accepted, true},
		{reject, RejectedButStored, Crashed, true},
		{reject, Crashed, Accepted, false},
		{reject, Crashed, RejectedButStored, false},
		{reject, Accepted, RejectedButStored, false},
		{reject, Rejected, Accepted, false}, // it was none
		{reject, Accepted, Rejected, false}, // it is none
		{reject, Accepted, ControlFailed, false},
		{accept, Rejected, Rejected, true},
		{accept, Rejected, Crashed, false},
		{accept, Rejected, RejectedButStored, false},
		{accept, Crashed, Rejected, true},
		{accept, Accepted, Rejected, false},
	} {
		path := filepath.Join(t.TempDir(), "known")
		before := &Report{Results: []Result{{Case: test.of, Outcome: test.was, Finding: test.of.Fails(test.was)}}}
		if err := before.WriteBaseline(path); err != nil {
			t.Fatal(err)
		}
		known, err := ReadBaseline(path)
		if err != nil {
			t.Fatal(err)
		}
		other := Case{ID: "login.other", Want: test.of.Want, Sev: High}
		after := &Report{Results: []Result{
			{Case: test.of, Outcome: test.now, Finding: test.of.Fails(test.now)},
			{Case: other, Outcome: test.now, Finding: other.Fails(test.now)},
		}}
		known.apply(after)
		if after.Results[0].Known != test.known || after.Results[1].Known {
			t.Errorf("%s, %s before and %s now: known %t", test.of.Want, test.was, test.now, after.Results[0].Known)
		}
		left := 0
		for _, r := range after.Results {
			if r.Finding && !r.Known {
				left++
			}
		}
		if got := len(after.Findings(High)); got != left || len(after.Findings(Critical)) != 0 {
			t.Errorf("%d findings, want %d", got, left)
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

// A case in a baseline that is none forgives nothing, and nobody would see it.
func TestBaselineMisspelt(t *testing.T) {
	a := &Audit{Known: KnownFindings{"login.origin.port": Accepted, "login.origin.prot": Accepted, "a.case.of-old": Rejected}}
	_, err := a.Cases()
	if want := `the baseline has what no case is called: "a.case.of-old", "login.origin.prot"; perhaps "login.origin.port"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
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
