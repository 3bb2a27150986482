package report

import (
	"io"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// Explanation writes all that there is to one result: what was done and why, how
// the response with the fault differs from its control, and what was said.
func Explanation(w io.Writer, result *rptest.Result) error {
	t := &table{}
	t.finding(result)
	t.prose("  Wanted    ", should(&result.Case)+" (severity "+result.Case.Sev.String()+")")
	t.difference(result)
	t.exchanges("THE CONTROL", result.Control.Exchanges)
	t.exchanges("THE FAULT", result.Fault.Exchanges)
	t.exchanges("THE REQUESTS", result.Exchanges)
	_, err := io.WriteString(w, strings.TrimPrefix(t.text.String(), "\n"))
	return err
}

// difference sets the response without the fault and the one with it side by side,
// in the field of the case first: what else differs was made anew from it.
func (t *table) difference(result *rptest.Result) {
	honest, fault := result.Fault.Honest, result.Fault.Credential
	if honest == nil || fault == nil {
		return
	}
	var field, rest []explain.Change
	for _, c := range explain.Diff(honest, fault) {
		if result.Case.Field != "" && strings.HasPrefix(c.Path, result.Case.Field) {
			field = append(field, c)
		} else {
			rest = append(rest, c)
		}
	}
	t.changes("THE DIFFERENCE THAT IS TESTED", field)
	t.changes("WHAT FOLLOWS FROM IT", rest)
}

func (t *table) changes(title string, changes []explain.Change) {
	if len(changes) == 0 {
		return
	}
	t.line("\n%s", title)
	for line := range strings.Lines(explain.Table(changes)) {
		t.line("  %s", strings.TrimSuffix(line, "\n"))
	}
}

func (t *table) exchanges(title string, all []rptest.Exchange) {
	if len(all) == 0 {
		return
	}
	t.line("\n%s, AND WHAT THE SITE ANSWERED", title)
	for _, e := range all {
		t.line("  %s %s", e.Method, printable(e.URL))
		if e.RequestBody != "" {
			t.line("    > %s", printable(e.RequestBody))
		}
		if e.Status == 0 {
			t.line("    < no answer")
			continue
		}
		t.line("    < %d %s", e.Status, printable(e.ResponseBody))
	}
}
