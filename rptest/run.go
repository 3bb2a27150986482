package rptest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest/explain"
)

// A RunOption changes what Run does.
type RunOption func(*Audit) error

// AtLeast leaves out cases that are less severe.
func AtLeast(s Severity) RunOption { return func(a *Audit) error { a.AtLeast = s; return nil } }

// Only runs the cases named, or those below a name that ends in a dot.
func Only(names ...string) RunOption { return func(a *Audit) error { a.Only = names; return nil } }

// Skip leaves out the cases named, or those below a name that ends in a dot.
func Skip(names ...string) RunOption { return func(a *Audit) error { a.Skip = names; return nil } }

// From says the origin of the site's pages; without it, it is the mapping's, or
// https:// and the RP ID.
func From(origin string) RunOption { return func(a *Audit) error { a.Origin = origin; return nil } }

// With says what the devices are, where a case does not.
func With(c DeviceConfig) RunOption { return func(a *Audit) error { a.Device = c; return nil } }

// Trusted tells that the site has the devices' attestation roots and metadata.
func Trusted() RunOption { return func(a *Audit) error { a.Trusted = true; return nil } }

// ModelList tells that the site allows no other models than the devices'.
func ModelList() RunOption { return func(a *Audit) error { a.ModelList = true; return nil } }

// Slow has cases run that wait out a lifetime.
func Slow() RunOption { return func(a *Audit) error { a.Slow = true; return nil } }

// Baseline reads a baseline: what is in it does not fail the test. With
// SIGNET_BASELINE=write in the environment it is not read but written, and findings
// do not fail the test.
func Baseline(path string) RunOption {
	return func(a *Audit) (err error) {
		switch v := os.Getenv(baselineVariable); v {
		case "":
		case "write":
			a.baseline = path
			return nil
		default:
			return fmt.Errorf("%s is %q in the environment: it has to be write, or nothing", baselineVariable, v)
		}
		if a.Known, err = ReadBaseline(path); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; to write it, run this test with %s=write in the environment", err, baselineVariable)
		}
		return err
	}
}

// baselineVariable of the environment has Run write a baseline.
const baselineVariable = "SIGNET_BASELINE"

// Run plays the catalogue against a site, a subtest for each case. A finding fails
// its subtest, and so does a case without a verdict. Cases that do not apply
// pass; Run tells of them at its end, and fails where there are no others. The seed
// is the test's name. Where the site refuses everybody alike no case is played, and the
// test fails with what the site answered.
func Run(t *testing.T, rp RP, options ...RunOption) {
	t.Helper()
	a := &Audit{RP: rp, Seed: t.Name()}
	for _, o := range options {
		if err := o(a); err != nil {
			t.Fatal(err)
		}
	}
	whose := "as rptest.From says"
	if site, ok := rp.(*Site); ok && a.Origin == "" {
		a.Origin, whose = site.mapping.Origin, "as the mapping says"
	}
	if a.Origin == "" {
		whose = "which is https:// and the RP ID, since nobody said"
	}
	r, cases, err := a.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if refusal := r.refusedAlike(t.Context(), cases); refusal != "" {
		t.Fatalf("no case is played, for the site takes no honest registration: %s\n"+
			"its pages were taken to be at %s, %s: if they are elsewhere, write rptest.From(%q), else mend the site's set-up or the mapping",
			refusal, r.Origin, whose, elsewhere(rp, r.Origin))
	}
	report := r.report()
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Helper()
			result := r.result(t.Context(), c)
			result.Known = r.Known.have(&result)
			report.Results = append(report.Results, result)
			result.tell(t, a.baseline != "")
		})
	}
	if len(report.Results) < len(cases) { // go test -run chose some
		if a.baseline != "" {
			t.Errorf("%s is not written: not every case was played", a.baseline)
		}
		if len(report.Results) > 0 {
			report.conclude(t)
		}
		return
	}
	report.conclude(t)
	if mended := a.Known.Mended(report); len(mended) > 0 {
		t.Logf("mended, so write the baseline anew (%s=write): %s", baselineVariable, strings.Join(mended, ", "))
	}
	if a.baseline == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(a.baseline), 0o755); err != nil {
		t.Fatalf("write baseline: %v", err)
	}
	if err := report.WriteBaseline(a.baseline); err != nil {
		t.Fatal(err)
	}
	wrote := fmt.Sprintf("wrote %s, which forgives %s", a.baseline, report.forgiven())
	if testing.Verbose() {
		t.Log(wrote)
	} else {
		fmt.Printf("%s: %s\n", t.Name(), wrote) // a test that passes shows no log
	}
}

// forgiven counts a report's findings by severity.
func (r *Report) forgiven() string {
	of := map[Severity]int{}
	for i := range r.Results {
		if r.Results[i].Finding {
			of[r.Results[i].Case.Sev]++
		}
	}
	var counts []string
	for _, s := range []Severity{Critical, High, Medium, Low} {
		if of[s] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", of[s], s))
		}
	}
	return cmp.Or(strings.Join(counts, ", "), "nothing")
}

// tell makes a subtest of a result.
func (r *Result) tell(t *testing.T, forgiving bool) {
	t.Helper()
	switch {
	case r.Outcome == NotApplicable, r.Outcome == NotRun:
		t.Log(r.Detail) // no skip, since CI often allows none, and nobody turned this off
	case r.Outcome == ControlFailed:
		t.Errorf("no verdict, for the site did not take what is right, or did not look: %s\n"+
			"mend the site's set-up or the mapping, or leave the case out with rptest.Skip", r.Detail)
	case r.Case.Kind == Options && r.Outcome == Rejected:
		t.Log(r.Detail) // a question, and nothing was refused
	case !r.Finding || r.Known:
		t.Logf("%s: %s", r.Outcome, r.Detail)
	case forgiving:
		t.Logf("into the baseline: %s: %s", r.Outcome, r.Detail)
	default:
		t.Error(r.finding())
	}
}

// finding says what is wrong, what was done and why it matters, and shows what was
// posted.
func (r *Result) finding() string {
	c := &r.Case
	var b strings.Builder
	if c.Kind == Options && r.Outcome == Accepted {
		fmt.Fprintf(&b, "the options have this flaw: %s\n", r.Detail)
	} else {
		should := string(c.Want)
		if c.Want == Policy {
			should = "accept or reject"
		}
		fmt.Fprintf(&b, "%s, should %s: %s\n", r.Outcome, should, r.Detail)
	}
	fmt.Fprintf(&b, "%s\n%s: %s (%s)\n", c.Recipe, c.Sev, c.Why, c.Anchor)
	if r.Fault.Honest != nil && c.Field != "" {
		changes := slices.DeleteFunc(explain.Diff(r.Fault.Honest, r.Fault.Credential), func(d explain.Change) bool {
			return !strings.HasPrefix(d.Path, c.Field)
		})
		b.WriteString(explain.Table(changes))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// conclude tells what was left out, and fails a test in which nothing was played.
func (r *Report) conclude(t *testing.T) {
	t.Helper()
	reasons, left := map[string]int{}, 0
	for i := range r.Results {
		if o := r.Results[i].Outcome; o == NotApplicable || o == NotRun {
			reason := r.Results[i].Detail
			if _, need, ok := strings.Cut(reason, "not applicable: "); ok {
				reason = need
			}
			reasons[reason]++
			left++
		}
	}
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		lines = append(lines, fmt.Sprintf("%d: %s", reasons[reason], reason))
	}
	switch {
	case left == len(r.Results):
		t.Errorf("no case was played, so this test shows nothing:\n%s", strings.Join(lines, "\n"))
	case left > 0:
		t.Logf("%d of %d cases were left out (-v names them):\n%s", left, len(r.Results), strings.Join(lines, "\n"))
	}
}
