package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
)

// A section is one of the standard's, and its steps that cases touch; of those
// two that are procedures, every step.
type section struct {
	Name, Title string
	Steps       []*step
}

// A step is one of a section's, or a section that has none.
type step struct {
	Anchor, URL string
	Label       string // what the picture calls it
	ID          string // of its place in the page
	Results     []*rptest.Result
}

// procedures are the sections of which every step counts, and how many steps
// they have.
var procedures = []struct {
	name, title string
	steps       int
}{
	{"§7.1", "Registering a new credential", 29},
	{"§7.2", "Verifying an authentication assertion", 25},
}

const (
	formats = "Attestation formats"
	other   = "Elsewhere"
)

// coverage sorts results by step: the procedures first, then the attestation
// formats of §8, then what is elsewhere.
func coverage(r *rptest.Report) []section {
	steps := map[string]*step{}
	var sections []section
	for _, p := range procedures {
		s := section{Name: p.name, Title: p.title}
		for n := 1; n <= p.steps; n++ {
			label := strconv.Itoa(n)
			st := newStep(p.name+" step "+label, label)
			steps[st.Anchor] = st
			s.Steps = append(s.Steps, st)
		}
		sections = append(sections, s)
	}
	rest := []section{{Name: "§8", Title: formats}, {Title: other}}
	for i := range r.Results {
		result := &r.Results[i]
		st := steps[result.Case.Anchor]
		if st == nil {
			st = newStep(result.Case.Anchor, strings.TrimPrefix(result.Case.Anchor, "§"))
			steps[st.Anchor] = st
			to := &rest[1]
			if strings.HasPrefix(st.Anchor, "§8") {
				to = &rest[0]
			}
			to.Steps = append(to.Steps, st)
		}
		st.URL = result.Case.URL
		st.Results = append(st.Results, result)
	}
	for _, s := range rest {
		slices.SortFunc(s.Steps, func(a, b *step) int { return byNumber(a.Label, b.Label) })
		if len(s.Steps) > 0 {
			sections = append(sections, s)
		}
	}
	return sections
}

func newStep(anchor, label string) *step {
	id := strings.NewReplacer("§", "s", ".", "-", " step ", "-", " ", "-").Replace(anchor)
	return &step{Anchor: anchor, Label: label, ID: id}
}

// byNumber orders "8.2" before "8.10".
func byNumber(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX != nil || errY != nil {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(x, y)
	})
}

// order is that in which one class stands for a step: the first that is there.
var order = []class{finding, noVerdict, known, asWanted, policy, notApplicable, notRun}

// Class is the one that stands for the step; "untouched" where no case is about
// it.
func (s *step) Class() class {
	for _, c := range order {
		if slices.ContainsFunc(s.Results, func(r *rptest.Result) bool { return classOf(r) == c }) {
			return c
		}
	}
	return "untouched"
}

// marks are how classes show where colours do not.
var marks = map[class]string{
	finding: "✕", noVerdict: "?", known: "!", asWanted: "✓", policy: "~", notApplicable: "–", notRun: "·", "untouched": "",
}

// Mark is the class's sign.
func (s *step) Mark() string { return marks[s.Class()] }

// names are what classes are called.
var names = map[class]string{
	finding: "a finding", noVerdict: "no verdict: the control failed, too", known: "known already", asWanted: "as it has to be",
	policy: "left to the site", notApplicable: "not applicable", notRun: "not run", "untouched": "no case: nothing that a site can be seen to do",
}
