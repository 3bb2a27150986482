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

// A firing is which cases fire for a check: those whose own check it is, and others.
type firing struct{ own, also []string }

func (f firing) all() []string { return slices.Sorted(slices.Values(slices.Concat(f.own, f.also))) }

func (f firing) String() string {
	s := strings.Join(f.own, " ")
	if len(f.also) > 0 {
		s += " / " + strings.Join(f.also, " ")
	}
	return s
}

// TestMatrix switches off each check of a strict site, one at a time: exactly the
// cases fire that testdata/matrix.txt names for it. Each case has one check that is
// its own; where it fires for another one it stands behind a slash there, and
// testdata/matrix-why.txt says why.
//
// Playing everything everywhere takes minutes, and is asked for by
// SIGNET_MATRIX=full. Else each check meets the cases that are to fire, and some
// others, chosen by a seed.
func TestMatrix(t *testing.T) {
	golden := readMatrix(t)
	full := os.Getenv("SIGNET_MATRIX") == "full" || *update
	seed := time.Now().UnixNano()
	if !full {
		t.Logf("seed %d", seed)
	}
	checks := brokenrp.Checks()
	rows := make(map[string][]string, len(checks))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, check := range checks {
		chance := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
		wanted := golden[string(check.Check)].all()
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
			rows[string(check.Check)] = slices.Sorted(maps.Keys(seen))
		})
	}
	wg.Wait()
	if *update {
		writeMatrix(t, rows)
		return
	}
	for _, check := range slices.Sorted(maps.Keys(rows)) {
		if want := golden[check].all(); !slices.Equal(rows[check], want) {
			t.Errorf("without %s these fire:\n%s\nand these have to:\n%s", check, rows[check], want)
		}
		if full {
			t.Logf("%s: %s", check, golden[check])
		}
	}
}

// TestMatrixIsWhole holds the matrix against the catalogue and the checks: no check
// without a case, no case that has to be refused without a check, no hit beside a
// case's own check that nobody explains.
func TestMatrixIsWhole(t *testing.T) {
	matrix, why := readMatrix(t), readLines(t, "matrix-why.txt")
	own := map[string]string{} // case → check
	for check, fired := range matrix {
		if len(fired.all()) == 0 {
			t.Errorf("no case shows that %s is off", check)
		}
		for _, id := range fired.own {
			if other, twice := own[id]; twice {
				t.Errorf("%s has two checks of its own, %s and %s", id, other, check)
			}
			own[id] = check
		}
		if explained := why[check] != ""; explained != (len(fired.also) > 0) {
			t.Errorf("without %s these fire, too: %s, and matrix-why.txt says of it %q", check, fired.also, why[check])
		}
		delete(why, check)
	}
	for _, c := range Catalogue() {
		if c.NotRun == "" && c.Want != Policy && own[c.ID] == "" {
			t.Errorf("%s has no check that it shows the absence of", c.ID)
		}
	}
	for check := range why {
		t.Errorf("matrix-why.txt explains %s, which is no check", check)
	}
}

func readMatrix(t *testing.T) map[string]firing {
	m := map[string]firing{}
	for check, fired := range readLines(t, "matrix.txt") {
		own, also, _ := strings.Cut(fired, "/")
		m[check] = firing{strings.Fields(own), strings.Fields(also)}
	}
	return m
}

// readLines reads lines of a check, a colon and what belongs to it.
func readLines(t *testing.T, name string) map[string]string {
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

// writeMatrix makes the check with the fewest cases the own one of each.
func writeMatrix(t *testing.T, rows map[string][]string) {
	checks := slices.Sorted(maps.Keys(rows))
	own := map[string]string{}
	for _, check := range checks {
		for _, id := range rows[check] {
			if now, ok := own[id]; !ok || len(rows[check]) < len(rows[now]) {
				own[id] = check
			}
		}
	}
	var b strings.Builder
	for _, check := range checks {
		var f firing
		for _, id := range rows[check] {
			if own[id] == check {
				f.own = append(f.own, id)
			} else {
				f.also = append(f.also, id)
			}
		}
		fmt.Fprintf(&b, "%s: %s\n", check, f)
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
