package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// Summary counts the results of a report; each is in one of its numbers.
type Summary struct {
	Cases         int `json:"cases"`
	Findings      int `json:"findings"` // new or worse ones
	Known         int `json:"known"`    // findings of a baseline
	AsWanted      int `json:"asWanted"`
	Policy        int `json:"policy"`    // left to the site, and reported
	NoVerdict     int `json:"noVerdict"` // the control failed
	NotApplicable int `json:"notApplicable"`
	NotRun        int `json:"notRun"`
	// Crashed tells how many of Findings and Known are crashes.
	Crashed int `json:"crashed"`
}

// Count counts.
func Count(r *rptest.Report) Summary {
	s := Summary{Cases: len(r.Results)}
	for i := range r.Results {
		switch classOf(&r.Results[i]) {
		case finding:
			s.Findings++
		case known:
			s.Known++
		case asWanted:
			s.AsWanted++
		case policy:
			s.Policy++
		case noVerdict:
			s.NoVerdict++
		case notApplicable:
			s.NotApplicable++
		case notRun:
			s.NotRun++
		}
		if r.Results[i].Finding && r.Results[i].Outcome == rptest.Crashed {
			s.Crashed++
		}
	}
	return s
}

// played says how many cases were played, in how many seconds, and how many were not:
// those that do not apply to the site, or were not run.
func played(r *rptest.Report) string {
	s := Count(r)
	rest := s.NotApplicable + s.NotRun
	text := fmt.Sprintf("%s in %.1f s", plural(s.Cases-rest, "case"), r.Seconds)
	if rest > 0 {
		text += fmt.Sprintf(", %d more not played", rest)
	}
	return text
}

// class is what a result means to who reads the report. In pages it is a class of
// CSS, too.
type class string

const (
	finding       class = "finding"
	known         class = "known"
	noVerdict     class = "no-verdict"
	asWanted      class = "as-wanted"
	policy        class = "policy"
	notApplicable class = "not-applicable"
	notRun        class = "not-run"
)

func classOf(r *rptest.Result) class {
	switch {
	case r.Finding && r.Known:
		return known
	case r.Finding:
		return finding
	}
	switch r.Outcome {
	case rptest.ControlFailed:
		return noVerdict
	case rptest.NotApplicable:
		return notApplicable
	case rptest.NotRun:
		return notRun
	}
	if r.Case.Want == rptest.Policy {
		return policy
	}
	return asWanted
}

// of lists the results of a class, findings by their severity, else in the
// catalogue's order.
func of(r *rptest.Report, c class) []*rptest.Result {
	var found []*rptest.Result
	for i := range r.Results {
		if classOf(&r.Results[i]) == c {
			found = append(found, &r.Results[i])
		}
	}
	slices.SortStableFunc(found, func(a, b *rptest.Result) int { return cmp.Compare(b.Case.Sev, a.Case.Sev) })
	return found
}

// did says what the site did. A case that looks for a flaw in options has it
// accepted where the flaw is there.
func did(r *rptest.Result) string {
	if r.Case.Kind != rptest.Options {
		return string(r.Outcome)
	}
	switch r.Outcome {
	case rptest.Accepted:
		return "has this flaw"
	case rptest.Rejected:
		return "has not this flaw"
	}
	return string(r.Outcome)
}

// should says what it has to do.
func should(c *rptest.Case) string {
	switch {
	case c.Want == rptest.MustAccept:
		return "accept"
	case c.Want == rptest.Policy:
		return "accept or reject"
	case c.Kind == rptest.Options:
		return "not have it"
	}
	return "reject"
}

// wanted says it after what the site did: "should reject", "left to the site".
func wanted(c *rptest.Case) string {
	if c.Want == rptest.Policy {
		return names[policy]
	}
	return "should " + should(c)
}

// printable makes a site's words one line that does nothing to a terminal.
func printable(s string) string { return explain.Visible(strings.Join(strings.Fields(s), " ")) }

// plural writes a number of things whose name takes an s.
func plural(n int, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return fmt.Sprintf("%d %ss", n, name)
}

// String gives the summary as a sentence.
func (s Summary) String() string {
	text := plural(s.Findings, "finding")
	if s.Crashed > 0 {
		text += fmt.Sprintf(" (the site crashed in %d)", s.Crashed)
	}
	for _, part := range []struct {
		n    int
		text string
	}{
		{s.Known, "known already"}, {s.AsWanted, "as it has to be"}, {s.Policy, "left to the site"},
		{s.NoVerdict, "without a verdict"}, {s.NotApplicable, "not applicable"}, {s.NotRun, "not run"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.text)
		}
	}
	return text + "."
}
