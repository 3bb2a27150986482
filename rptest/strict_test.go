package rptest

import (
	"testing"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

func TestStrict(t *testing.T) {
	site, err := brokenrp.New(brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadMapping("testdata/mappings/brokenrp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a := &Audit{RP: Handler(site, m), Seed: "x"}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := map[Outcome]int{}
	for _, r := range report.Results {
		n[r.Outcome]++
		if r.Finding || r.Outcome == ControlFailed || r.Outcome == NotApplicable {
			t.Errorf("%s: %s want %s: %s", r.Case.ID, r.Outcome, r.Case.Want, r.Detail)
		}
	}
	t.Log(n, report.Seconds)
}
