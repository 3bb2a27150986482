package rptest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// fires plays cases without their controls, which the strict site has taken already,
// and lists those that are findings. Of a policy, another outcome than the strict
// site's is one.
func fires(t *testing.T, s setting, off brokenrp.Check, plays func(Case) bool) []string {
	r := s.run(t, off)
	var found []string
	for _, c := range Catalogue() {
		if c.NotRun != "" || !s.has(c) || isHeavy(c) && !wantsHeavy(off) || !plays(c) {
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
// cases fire that testdata/matrix.txt names for it. Each case has one check that is
// its own, the one with the fewest cases; where it fires for another check,
// testdata/matrix-why.txt says why.
//
// Playing everything everywhere takes minutes, and is asked for by
// SIGNET_MATRIX=full. Else each check meets the cases that are to fire, and some
// others, chosen by a seed.
func TestMatrix(t *testing.T) {
	golden := readMatrix(t, "matrix.txt")
	full := os.Getenv("SIGNET_MATRIX") == "full" || *update
	seed := time.Now().UnixNano()
	if !full {
		t.Logf("seed %d", seed)
	}
	checks := brokenrp.Checks()
	rows := make(map[brokenrp.Check]string, len(checks))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, check := range checks {
		chance := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
		wanted := strings.Fields(golden[string(check.Check)])
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			seen := map[string]bool{}
			for _, s := range settings(t) {
				for _, id := range fires(t, s, check.Check, func(c Case) bool {
					return full || slices.Contains(wanted, c.ID) || chance.IntN(50) == 0
				}) {
					seen[id] = true
				}
			}
			mu.Lock()
			defer mu.Unlock()
			rows[check.Check] = strings.Join(slices.Sorted(maps.Keys(seen)), " ")
		})
	}
	wg.Wait()
	if *update {
		writeMatrix(t, rows)
		return
	}
	for check, fired := range rows {
		if want := golden[string(check)]; fired != want {
			t.Errorf("without %s these fire:\n%s\nand these have to:\n%s", check, fired, want)
		}
	}
}

// TestMatrixIsWhole holds the matrix against the catalogue and the checks: no check
// without a case, no case that has to be refused without a check, no hit beside a
// case's own check that nobody explains.
func TestMatrixIsWhole(t *testing.T) {
	matrix, why := readMatrix(t, "matrix.txt"), readMatrix(t, "matrix-why.txt")
	own := map[string]string{} // case → check
	for _, check := range slices.Sorted(maps.Keys(matrix)) {
		fired := strings.Fields(matrix[check])
		if len(fired) == 0 {
			t.Errorf("no case shows that %s is off", check)
		}
		for _, id := range fired {
			if now, ok := own[id]; !ok || len(fired) < len(strings.Fields(matrix[now])) {
				own[id] = check
			}
		}
	}
	for _, c := range Catalogue() {
		if c.NotRun == "" && c.Want != Policy && own[c.ID] == "" {
			t.Errorf("%s has no check that it shows the absence of", c.ID)
		}
	}
	explained := map[string]bool{}
	for check, fired := range matrix {
		for _, id := range strings.Fields(fired) {
			if own[id] == check {
				continue
			}
			explained[check] = true
			if why[check] == "" {
				t.Errorf("%s fires without %s, too, and matrix-why.txt does not say why", id, check)
			}
		}
	}
	for check := range why {
		if !explained[check] {
			t.Errorf("matrix-why.txt explains %s, which needs no explanation", check)
		}
	}
}

// readMatrix reads lines of a check, a colon and what belongs to it.
func readMatrix(t *testing.T, name string) map[string]string {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(data)) {
		check, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			t.Fatalf("%s: %q has no colon", name, line)
		}
		m[check] = strings.TrimSpace(rest)
	}
	return m
}

func writeMatrix(t *testing.T, rows map[brokenrp.Check]string) {
	var b strings.Builder
	for _, check := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "%s: %s\n", check, rows[check])
	}
	if err := os.WriteFile(filepath.Join("testdata", "matrix.txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// policies remembers what the strict site does with cases that are its own affair.
var policies sync.Map

func policyOutcome(t *testing.T, s setting, c Case) Outcome {
	if known, ok := policies.Load(c.ID); ok {
		return known.(Outcome)
	}
	result := Result{Case: c}
	s.run(t, "").play(t.Context(), &result)
	policies.Store(c.ID, result.Outcome)
	return result.Outcome
}
