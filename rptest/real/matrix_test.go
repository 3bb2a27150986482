package real

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

var update = flag.Bool("update", false, "write the matrices anew")

// matrix is what a relying party did with each case.
type matrix map[string]rptest.Outcome

// judge plays the catalogue against a site: all cases, but those that need the
// devices' roots, or metadata, against the site that knows them. It holds the
// outcomes against the recorded ones.
func judge(t *testing.T, name string, plain, knowing *rptest.Audit) {
	t.Helper()
	results := run(t, plain)
	if knowing != nil {
		for id, r := range run(t, knowing) {
			if needs(r.Case, rptest.NeedTrustPath, rptest.NeedMetadata, rptest.NeedModelList) {
				results[id] = r
			}
		}
	}
	if *update {
		write(t, name, results)
	}
	recorded := read(t, name)
	for _, id := range slices.Sorted(maps.Keys(results)) {
		r := results[id]
		if was := recorded[id]; was != r.Outcome {
			t.Errorf("%s: %s, was %q: %s", id, r.Outcome, was, r.Detail)
		} else if testing.Verbose() {
			t.Logf("%s: %s: %s", id, r.Outcome, r.Detail)
		}
		delete(recorded, id)
	}
	for id, was := range recorded {
		t.Errorf("%s, which was %s, is no case any more", id, was)
	}
}

// needs tells whether a case has one of some needs.
func needs(c rptest.Case, some ...rptest.Need) bool {
	return slices.ContainsFunc(c.Needs, func(n rptest.Need) bool { return slices.Contains(some, n) })
}

func run(t *testing.T, a *rptest.Audit) map[string]rptest.Result {
	t.Helper()
	a.Origin, a.Seed = origin, "matrix"
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]rptest.Result{}
	for _, r := range report.Results {
		results[r.Case.ID] = r
	}
	t.Logf("%s: %d cases in %.1f s", report.RP, len(results), report.Seconds)
	return results
}

func path(name string) string { return filepath.Join("testdata", name+".txt") }

// write records outcomes, a case to a line.
func write(t *testing.T, name string, results map[string]rptest.Result) {
	t.Helper()
	var b bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(results)) {
		fmt.Fprintf(&b, "%s %s\n", id, results[id].Outcome)
	}
	if err := os.WriteFile(path(name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) matrix {
	t.Helper()
	b, err := os.ReadFile(path(name))
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	m := matrix{}
	for line := range strings.Lines(string(b)) {
		id, outcome, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("%s: %q is not a case and its outcome", path(name), line)
		}
		m[id] = rptest.Outcome(outcome)
	}
	return m
}
