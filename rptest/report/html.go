package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
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
	Picture  picture
	Legend   []class
}

// HTML writes a report as one page that loads nothing: its styles, and a picture
// of the coverage by step of the standard, are in it. It has no script.
func HTML(w io.Writer, r *rptest.Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"did": did, "should": should, "class": classOf, "name": func(c class) string { return names[c] },
		"mark": func(c class) string { return marks[c] }, "printable": printable, "played": played,
		"exchanges": exchanges, "body": body, "tile": tiles, "plural": plural,
		"isURL": func(s string) bool { return strings.HasPrefix(s, "https://") },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("read page's template: %w", err)
	}
	sections := coverage(r)
	err = t.Execute(w, page{
		Report: r, Summary: Count(r), Findings: of(r, finding), Sections: sections, Picture: draw(sections),
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

// exchanges are those that show what was seen.
func exchanges(r *rptest.Result) []rptest.Exchange {
	if len(r.Fault.Exchanges) > 0 {
		return r.Fault.Exchanges
	}
	return r.Exchanges
}

// longestBody is how much of a body a page shows, in bytes; JSON has all.
const longestBody = 4000

// body makes a body fit to be shown.
func body(s string) string {
	if len(s) <= longestBody {
		return explain.VisibleLines(s)
	}
	return explain.VisibleLines(explain.Cut(s, longestBody)) + " …"
}
