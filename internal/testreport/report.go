package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is one line of go test -json ("go doc test2json"), or of the build
// before it ("go help buildjson").
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// test is one test or subtest; the one without a name is its package.
type test struct{ pkg, name string }

// report folds events into what is printed.
type report struct {
	w       io.Writer
	output  map[test][]string // of tests that have not ended
	build   map[string][]string
	ran     map[string]int // tests that ended, by package
	outcome map[test]string
	elapsed map[test]time.Duration
	failed  []string // packages
	tiers   map[string][]string
	skipped []string // tests that belong to no tier
}

func newReport(w io.Writer) *report {
	return &report{
		w:       w,
		output:  map[test][]string{},
		build:   map[string][]string{},
		ran:     map[string]int{},
		outcome: map[test]string{},
		elapsed: map[test]time.Duration{},
		tiers:   map[string][]string{},
	}
}

func (r *report) read(events io.Reader) error {
	for d := json.NewDecoder(events); ; {
		var e event
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read go test's events: %w", err)
		}
		r.add(e)
	}
}

func (r *report) add(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.build[e.ImportPath] = append(r.build[e.ImportPath], e.Output)
	case "build-fail":
		fmt.Fprintf(r.w, "%s", strings.Join(r.build[e.ImportPath], ""))
	case "output":
		r.output[t] = append(r.output[t], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
			return
		}
		r.endTest(t, e)
	}
}

func (r *report) endTest(t test, e event) {
	r.ran[t.pkg]++
	r.outcome[t] = e.Action
	r.elapsed[t] = time.Duration(e.Elapsed * float64(time.Second))
	switch e.Action {
	case "fail":
		fmt.Fprintf(r.w, "%s", strings.Join(r.output[t], ""))
	case "skip":
		why := strings.Join(r.output[t], "")
		if _, tier, ok := strings.Cut(why, ": tier "); ok {
			r.leaveOut(strings.TrimSpace(firstLine(tier)))
		} else {
			r.skipped = append(r.skipped, t.pkg+" "+t.name+"\n"+why)
		}
	}
	delete(r.output, t)
}

// endPackage prints the package's line. Where the package failed it first
// prints what no failed test has: output outside of tests, and of the tests
// that were running when the process died.
func (r *report) endPackage(e event) {
	took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	switch e.Action {
	case "skip": // no test files
	case "pass":
		fmt.Fprintf(r.w, "ok    %-60s %8s  %5d\n", e.Package, took, r.ran[e.Package])
	case "fail":
		r.failed = append(r.failed, e.Package)
		for t, lines := range r.output {
			if t.pkg == e.Package && t.name != "" {
				r.outcome[t] = "fail"
				fmt.Fprintf(r.w, "%s", strings.Join(lines, ""))
			}
		}
		fmt.Fprintf(r.w, "%s", strings.Join(r.output[test{e.Package, ""}], ""))
		fmt.Fprintf(r.w, "FAIL  %-60s %8s  %5d\n", e.Package, took, r.ran[e.Package])
	}
	maps.DeleteFunc(r.output, func(t test, _ []string) bool { return t.pkg == e.Package })
}

// leaveOut notes a tier that did not run, given as "NAME: why".
func (r *report) leaveOut(tier string) {
	name, why, _ := strings.Cut(tier, ": ")
	r.tiers[name] = append(r.tiers[name], why)
}

// close prints the summary and reports whether all is well. Strict, nothing may
// have been left out.
func (r *report) close(strict bool) bool {
	r.printSlowest()
	for _, name := range slices.Sorted(maps.Keys(r.tiers)) {
		reasons := r.tiers[name]
		fmt.Fprintf(r.w, "\nleft out: tier %s, %d tests: %s", name, len(reasons), reasons[0])
	}
	for _, s := range r.skipped {
		fmt.Fprintf(r.w, "\nskipped: %s", s)
	}
	ok := len(r.failed) == 0
	if !ok {
		fmt.Fprintf(r.w, "\nfailed: %s\n", strings.Join(r.failed, " "))
	}
	if strict && len(r.tiers)+len(r.skipped) > 0 {
		ok = false
		fmt.Fprintf(r.w, "\nfailed: under CI=true nothing may be left out\n")
	}
	n := r.count()
	if n["pass"] == 0 {
		ok = false
	}
	fmt.Fprintf(r.w, "\n%d passed, %d failed, %d skipped\n", n["pass"], max(n["fail"], len(r.failed)), n["skip"])
	return ok
}

func (r *report) printSlowest() {
	var top []test
	for t := range r.elapsed {
		if !strings.Contains(t.name, "/") {
			top = append(top, t)
		}
	}
	slices.SortFunc(top, func(a, b test) int {
		return cmp.Or(cmp.Compare(r.elapsed[b], r.elapsed[a]), cmp.Compare(a.pkg+a.name, b.pkg+b.name))
	})
	fmt.Fprintf(r.w, "\nslowest:\n")
	for _, t := range top[:min(10, len(top))] {
		fmt.Fprintf(r.w, "%8s  %s %s\n", r.elapsed[t].Round(10*time.Millisecond), t.pkg, t.name)
	}
}

// count counts outcomes. A test with subtests is not counted beside them.
func (r *report) count() map[string]int {
	parents := map[test]bool{}
	for t := range r.outcome {
		if i := strings.LastIndex(t.name, "/"); i > 0 {
			parents[test{t.pkg, t.name[:i]}] = true
		}
	}
	n := map[string]int{}
	for t, outcome := range r.outcome {
		if !parents[t] {
			n[outcome]++
		}
	}
	return n
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
