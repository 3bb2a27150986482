package rptest

import (
	"fmt"
	"strings"
	"testing"
)

// A RunOption changes what Run does.
type RunOption func(*Audit) error

// AtLeast leaves out cases that are less severe.
func AtLeast(s Severity) RunOption { return func(a *Audit) error { a.AtLeast = s; return nil } }

// Only runs the cases named, or those below a name that ends in a dot.
func Only(names ...string) RunOption { return func(a *Audit) error { a.Only = names; return nil } }

// Skip leaves out the cases named, or those below a name that ends in a dot.
func Skip(names ...string) RunOption { return func(a *Audit) error { a.Skip = names; return nil } }

// From says the origin of the site's pages; without it, it is https:// and the
// RP ID.
func From(origin string) RunOption { return func(a *Audit) error { a.Origin = origin; return nil } }

// With says what the devices are, where a case does not.
func With(c DeviceConfig) RunOption { return func(a *Audit) error { a.Device = c; return nil } }

// Trusted tells that the site has the devices' attestation roots and metadata.
func Trusted() RunOption { return func(a *Audit) error { a.Trusted = true; return nil } }

// ModelList tells that the site allows no other models than the devices'.
func ModelList() RunOption { return func(a *Audit) error { a.ModelList = true; return nil } }

// Slow has cases run that wait out a lifetime.
func Slow() RunOption { return func(a *Audit) error { a.Slow = true; return nil } }

// Baseline reads a baseline: what is in it does not fail the test.
func Baseline(path string) RunOption {
	return func(a *Audit) (err error) {
		a.Known, err = ReadBaseline(path)
		return err
	}
}

// Run plays the catalogue against a site, a subtest for each case that applies.
// A finding fails its subtest. The seed is the test's name.
func Run(t *testing.T, rp RP, options ...RunOption) {
	t.Helper()
	a := &Audit{RP: rp, Seed: t.Name()}
	for _, o := range options {
		if err := o(a); err != nil {
			t.Fatal(err)
		}
	}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := map[Outcome][]string{}
	for _, r := range report.Results {
		switch r.Outcome {
		case NotApplicable, NotRun:
			left[r.Outcome] = append(left[r.Outcome], fmt.Sprintf("%s (%s)", r.Case.ID, r.Detail))
			continue
		}
		t.Run(r.Case.ID, func(t *testing.T) { r.tell(t) })
	}
	for outcome, cases := range left {
		t.Logf("%d cases are %s:\n%s", len(cases), outcome, strings.Join(cases, "\n"))
	}
}

// tell makes a subtest of a result.
func (r *Result) tell(t *testing.T) {
	t.Helper()
	switch {
	case r.Outcome == ControlFailed:
		t.Errorf("%s", r.Detail)
	case r.Finding && !r.Known:
		t.Errorf("%s, should be %s: %s\n%s\n%s: %s (%s)", r.Outcome, r.Case.Want, r.Detail, r.Case.Recipe, r.Case.Sev, r.Case.Why, r.Case.Anchor)
	default:
		t.Logf("%s: %s", r.Outcome, r.Detail)
	}
}
