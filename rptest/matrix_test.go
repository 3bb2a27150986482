package rptest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// fires plays every case without its controls, which the strict site has taken
// already, and lists those that are findings, sorted.
func fires(t *testing.T, s setting, off brokenrp.Check) []string {
	r := s.run(t, off)
	var found []string
	for _, c := range Catalogue() {
		if c.NotRun != "" || !s.has(c) || isHeavy(c) && !wantsHeavy(off) {
			continue
		}
		result := Result{Case: c}
		if c.play != nil {
			r.playSequence(t.Context(), &result)
		} else {
			a := r.attempt(t.Context(), c, "fault", c.Mutation())
			result.Outcome = a.outcome
			if a.err != nil {
				result.Outcome = outcomeOf(a.err)
			}
		}
		if c.Fails(result.Outcome) || c.Want == Policy && result.Outcome != policyOutcome(t, s, c) {
			found = append(found, c.ID)
		}
	}
	return found
}

// isHeavy tells of cases that take longer than all others together: making RSA
// keys, and posting megabytes. They are played on sites whose check is about keys,
// algorithms or bodies.
func isHeavy(c Case) bool {
	return strings.HasPrefix(c.ID, "sequence.burden.") || slices.Contains(c.Needs, NeedRS256) || slices.Contains(c.Device.Algorithms, ctap.RS256)
}

var heavyChecks = regexp.MustCompile(`body|key|alg|rsa|tpm|signature|aik|pubArea`)

func wantsHeavy(off brokenrp.Check) bool { return heavyChecks.MatchString(string(off)) }

// TestMatrix switches off each check of a strict site, one at a time: exactly the
// cases fire that testdata/matrix.txt names for it. The first is the check's own;
// the others are explained there.
func TestMatrix(t *testing.T) {
	checks := brokenrp.Checks()
	rows := make([]string, len(checks))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, check := range checks {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			seen := map[string]bool{}
			for _, s := range settings(t) {
				for _, id := range fires(t, s, check.Check) {
					seen[id] = true
				}
			}
			rows[i] = fmt.Sprintf("%s: %s", check.Check, strings.Join(slices.Sorted(maps.Keys(seen)), " "))
		})
	}
	wg.Wait()
	slices.Sort(rows)
	os.WriteFile(filepath.Join(os.TempDir(), "matrix.txt"), []byte(strings.Join(rows, "\n")+"\n"), 0o644)
}

var policies sync.Map

// policyOutcome is what the strict site does with a case that is its own affair.
func policyOutcome(t *testing.T, s setting, c Case) Outcome {
	if known, ok := policies.Load(c.ID); ok {
		return known.(Outcome)
	}
	r := s.run(t, "")
	result := Result{Case: c}
	r.play(context.WithoutCancel(t.Context()), &result)
	policies.Store(c.ID, result.Outcome)
	return result.Outcome
}
