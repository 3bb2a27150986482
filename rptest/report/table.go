package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed-77d61853/signet/rptest"
)

// width is that of lines of prose, in characters.
const width = 96

// Table writes a report for who reads it on a terminal: the findings, each with
// what was done, why it matters and where the standard says so; then what the
// audit cannot tell, and why. Where that is nearly all of it, for one reason, only the
// reason is told.
func Table(w io.Writer, r *rptest.Report) error {
	t := &table{}
	t.line("%s, pages of %s", printable(r.RP), printable(r.Origin))
	t.line("%s, seed %s", played(r), printable(r.Seed))
	findings := of(r, finding)
	t.overview(findings)
	for _, f := range findings {
		t.finding(f)
	}
	t.known(of(r, known))
	t.choices(of(r, policy))
	if b := Blocked(r); b != nil {
		t.line("\nNO VERDICT")
		t.line("  %s for one reason, with the fault and without it:", plural(b.Cases, "case"))
		t.prose("    ", b.Cause)
	} else {
		t.noVerdict(of(r, noVerdict))
		t.left("NOT APPLICABLE", of(r, notApplicable))
		t.left("NOT RUN", of(r, notRun))
	}
	t.line("")
	t.line("%s", Count(r))
	_, err := io.WriteString(w, t.text.String())
	return err
}

// table is a table in the making.
type table struct {
	text    strings.Builder
	longest int // how much of a body is shown, in bytes; 0: all
}

func (t *table) line(format string, args ...any) { fmt.Fprintf(&t.text, format+"\n", args...) }

// prose writes a paragraph: the first line begins with lead, which is indented,
// the others with as many spaces.
func (t *table) prose(lead, text string) {
	indent := strings.Repeat(" ", len(lead))
	line := lead
	for word := range strings.FieldsSeq(printable(text)) {
		if len(line)+1+len(word) > width && len(line) > len(indent) {
			t.line("%s", line)
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	t.line("%s", line)
}

func (t *table) overview(findings []*rptest.Result) {
	if len(findings) == 0 {
		return
	}
	t.line("")
	columns := tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "SEVERITY\tCASE\tTHE SITE\tSHOULD\tSTANDARD")
	for _, f := range findings {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", f.Case.Sev, f.Case.ID, did(f), should(&f.Case), f.Case.Anchor)
	}
	columns.Flush() // into memory
}

func (t *table) finding(f *rptest.Result) {
	c := &f.Case
	t.line("")
	t.line("%s", c.ID)
	t.prose("  Done      ", c.Recipe)
	t.prose("  Why       ", c.Why)
	t.prose("  Standard  ", c.Anchor+", "+c.URL)
	t.prose("  Seen      ", did(f)+", "+f.Detail)
	if text := todo(f); text != "" {
		t.prose("  To do     ", text)
	}
	for _, ref := range c.References {
		t.prose("  See also  ", ref)
	}
}

func (t *table) known(results []*rptest.Result) {
	if len(results) == 0 {
		return
	}
	t.line("\nKNOWN (in the baseline, and not worse than there)")
	for _, r := range results {
		t.line("  %-8s  %s: %s", r.Case.Sev, r.Case.ID, did(r))
	}
}

// choices lists what the standard leaves to the site, by what the site does.
func (t *table) choices(results []*rptest.Result) {
	if len(results) == 0 {
		return
	}
	t.line("\nLEFT TO THE SITE")
	groups, order := map[string][]string{}, []string{}
	for _, r := range results {
		if groups[did(r)] == nil {
			order = append(order, did(r))
		}
		groups[did(r)] = append(groups[did(r)], r.Case.ID)
	}
	for _, outcome := range order {
		t.prose(fmt.Sprintf("  %-8s  ", outcome), strings.Join(groups[outcome], ", "))
	}
}

func (t *table) noVerdict(results []*rptest.Result) {
	if len(results) == 0 {
		return
	}
	t.line("\nNO VERDICT (the same ceremony without the fault failed, too, or the site limits its rate)")
	t.grouped(results)
}

func (t *table) left(title string, results []*rptest.Result) {
	if len(results) == 0 {
		return
	}
	t.line("\n%s", title)
	t.grouped(results)
}

// grouped lists results under what was seen. What was seen in the middle of a
// sequence goes to where it was seen alone: "register first: no such host" to "no
// such host". A request stays.
func (t *table) grouped(results []*rptest.Result) {
	seen := map[string]bool{}
	for _, r := range results {
		seen[reason(r)] = true
	}
	groups, order := map[string][]string{}, []string{}
	for _, r := range results {
		why := reason(r)
		for at, rest, found := strings.Cut(why, ": "); found; at, rest, found = strings.Cut(rest, ": ") {
			if strings.Contains(at, "://") {
				break
			}
			if seen[rest] {
				why = rest
			}
		}
		if groups[why] == nil {
			order = append(order, why)
		}
		groups[why] = append(groups[why], r.Case.ID)
	}
	for _, why := range order {
		lead := "  "
		if n := len(groups[why]); n > 1 {
			lead = fmt.Sprintf("  %d: ", n)
		}
		t.prose(lead, why+":")
		t.prose("    ", strings.Join(folded(groups[why]), ", "))
	}
}

// reason is why a result says nothing of the site.
func reason(r *rptest.Result) string {
	if _, need, ok := strings.Cut(r.Detail, "not applicable: "); ok {
		return need // wherever in a sequence it was missed
	}
	return r.Detail
}

const (
	manyCases = 12 // are more than somebody reads one by one
	manyAlike = 3  // are told by what their names have in common
)

// folded shortens a long list of cases: those alike but for the last part of their
// names are one entry, as --case and --skip take it.
func folded(ids []string) []string {
	if len(ids) <= manyCases {
		return ids
	}
	alike := map[string]int{}
	above := func(id string) string { return id[:strings.LastIndex(id, ".")+1] }
	for _, id := range ids {
		alike[above(id)]++
	}
	var short []string
	for _, id := range ids {
		entry := id
		if n := alike[above(id)]; n >= manyAlike {
			entry = fmt.Sprintf("%s (%d)", above(id), n)
		}
		if !slices.Contains(short, entry) {
			short = append(short, entry)
		}
	}
	return short
}
