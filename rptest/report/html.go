package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

//go:embed page.html
var pageText string

// page is what the page's template is given.
type page struct {
	*rptest.Report
	Summary  Summary
	Findings []*rptest.Result
	Sections []section
	Legend   []class
}

// HTML writes a report as one page that loads nothing: its styles, and a picture
// of the coverage by step of the standard, are in it. It has no script.
func HTML(w io.Writer, r *rptest.Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"did": did, "wanted": wanted, "class": classOf, "name": func(c class) string { return names[c] },
		"mark": func(c class) string { return marks[c] }, "printable": printable, "played": played,
		"exchanges": exchanges, "body": body, "todo": todo, "difference": difference, "explained": explanation, "tile": tiles, "plural": plural,
		"link": link, "blocked": Blocked,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("read page's template: %w", err)
	}
	err = t.Execute(w, page{
		Report: r, Summary: Count(r), Findings: of(r, finding), Sections: coverage(r),
		Legend: append(append([]class{}, order...), "untouched"),
	})
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

// tile is a number at the page's top.
type tile struct {
	Class class
	N     int
	Name  string
}

func tiles(s Summary) []tile {
	return []tile{
		{finding, s.Findings, "findings"}, {known, s.Known, "known already"}, {asWanted, s.AsWanted, "as it has to be"},
		{policy, s.Policy, "left to the site"}, {noVerdict, s.NoVerdict, "without a verdict"},
		{notApplicable, s.NotApplicable, "not applicable"}, {notRun, s.NotRun, "not run"},
	}
}

var (
	isGHSA = regexp.MustCompile(`^GHSA(-[23456789cfghjmpqrvwx]{4}){3}$`)
	isCVE  = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)
)

// link is where a reference can be read; "" where it is not known.
func link(reference string) string {
	switch {
	case strings.HasPrefix(reference, "https://"):
		return reference
	case isGHSA.MatchString(reference):
		return "https://github.com/advisories/" + reference
	case isCVE.MatchString(reference):
		return "https://nvd.nist.gov/vuln/detail/" + reference
	}
	return ""
}

// exchanges are those that show what was seen.
func exchanges(r *rptest.Result) []rptest.Exchange {
	if len(r.Fault.Exchanges) > 0 {
		return r.Fault.Exchanges
	}
	return r.Exchanges
}

// longestExplanation is how much of an explanation a page shows, in bytes.
const longestExplanation = 24000

// explanation is what signet audit --case ID prints, fit to be shown.
func explanation(r *rptest.Result) string {
	return explain.VisibleLines(bounded(explained(r, longestBody), longestExplanation))
}

// longestBody is how much of a body a page shows, in bytes; JSON has all.
const longestBody = 4000

// body makes a body fit to be shown.
func body(s string) string { return explain.VisibleLines(bounded(s, longestBody)) }
