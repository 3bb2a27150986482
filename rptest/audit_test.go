package rptest

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestAuditCases(t *testing.T) {
	all := len(Catalogue())
	for _, c := range []struct {
		name  string
		audit Audit
		holds func([]Case) bool
	}{
		{"everything", Audit{}, func(cs []Case) bool { return len(cs) == all }},
		{"one", Audit{Only: []string{"login.origin.port"}}, func(cs []Case) bool { return len(cs) == 1 && cs[0].ID == "login.origin.port" }},
		{"one kind", Audit{Only: []string{"login."}}, func(cs []Case) bool { return len(cs) > 1 && len(cs) < all && every(cs, "login.") }},
		{"one kind, some left out", Audit{Only: []string{"login."}, Skip: []string{"login.origin."}}, func(cs []Case) bool {
			return len(cs) > 1 && every(cs, "login.") && !strings.HasPrefix(cs[0].ID, "login.origin.")
		}},
		{"the severe ones", Audit{AtLeast: Critical}, func(cs []Case) bool { return len(cs) > 1 && len(cs) < all && cs[0].Sev == Critical }},
	} {
		cases, err := c.audit.Cases()
		if err != nil || !c.holds(cases) {
			t.Errorf("%s: %d cases, %v", c.name, len(cases), err)
		}
	}
	for _, c := range []struct {
		audit Audit
		says  string
	}{
		{Audit{Only: []string{"login.nothing"}}, `no case is called "login.nothing"`},
		{Audit{Only: []string{"login."}, Skip: []string{"login"}}, `no case is called "login"`}, // without the dot
		{Audit{Only: []string{""}}, `no case is called ""`},
		{Audit{Only: []string{"login.origin.port"}, Skip: []string{"login."}}, "no case is left"},
	} {
		if cases, err := c.audit.Cases(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q but %q: %d cases, %v", c.audit.Only, c.audit.Skip, len(cases), err)
		}
	}
}

func every(cases []Case, prefix string) bool {
	for _, c := range cases {
		if !strings.HasPrefix(c.ID, prefix) {
			return false
		}
	}
	return true
}

// An audit that is stopped within a case has no verdict on it, whichever request
// was under way, and none on the cases that follow.
func TestAuditStopped(t *testing.T) {
	for _, only := range []string{"login.origin.port", "register.origin.port", "sequence.replay.login"} {
		for stopAt := 1; ; stopAt++ {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			rp := spiedSite(t, func(http.ResponseWriter, string, string) bool {
				if n++; n == stopAt {
					cancel()
				}
				return false
			})
			audit := &Audit{RP: rp, Origin: "https://login.example", Seed: "s", Only: []string{only, "login.type.create"}}
			report, err := audit.Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if ctx.Err() == nil { // it was done before
				cancel()
				break
			}
			stopped := 0
			for _, r := range report.Results {
				switch {
				case r.Outcome == NotRun && r.Detail == "the audit was stopped" && !r.Finding:
					stopped++
				case r.Outcome != Rejected:
					t.Errorf("stopped at request %d: %s is %s: %s", stopAt, r.Case.ID, r.Outcome, r.Detail)
				}
			}
			if stopped == 0 {
				t.Errorf("stopped at request %d, every case has a verdict", stopAt)
			}
			cancel()
		}
	}
}
