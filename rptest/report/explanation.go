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
	_, err := io.WriteString(w, explained(result, 0))
	return err
}

// explained is an explanation in which of each body no more than the first bytes are
// shown; 0: all.
func explained(result *rptest.Result, longest int) string {
	t := &table{longest: longest}
	t.finding(result)
	t.prose("  Wanted    ", should(&result.Case)+" (severity "+result.Case.Sev.String()+")")
	tested, follows := differences(result)
	t.changes("THE DIFFERENCE THAT IS TESTED", tested)
	t.changes("WHAT FOLLOWS FROM IT", follows)
	t.exchanges("THE CONTROL", result.Control.Exchanges)
	t.exchanges("THE FAULT", result.Fault.Exchanges)
	t.exchanges("THE REQUESTS", result.Exchanges)
	return strings.TrimPrefix(t.text.String(), "\n")
}

// differences sets the response without the fault and the one with it side by side:
// what differs in the field of the case, and what else does, which was made anew from
// it.
func differences(result *rptest.Result) (tested, follows []explain.Change) {
	honest, fault := result.Fault.Honest, result.Fault.Credential
	if honest == nil || fault == nil {
		return nil, nil
	}
	for _, c := range explain.Diff(honest, fault) {
		if result.Case.Field != "" && strings.HasPrefix(c.Path, result.Case.Field) {
			tested = append(tested, c)
		} else {
			follows = append(follows, c)
		}
	}
	return tested, follows
}

// longestDifference is how much of a difference reports for pipelines show, in bytes.
const longestDifference = 2000

// difference is that which is tested, as text; empty where there is none.
func difference(result *rptest.Result) string {
	tested, _ := differences(result)
	return bounded(strings.TrimSuffix(explain.Table(tested), "\n"), longestDifference)
}

// bounded gives the first bytes of a text, and says where there were more.
func bounded(s string, longest int) string {
	if longest == 0 || len(s) <= longest {
		return s
	}
	return explain.Cut(s, longest) + " …"
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
			t.line("    > %s", printable(bounded(e.RequestBody, t.longest)))
		}
		if e.Status == 0 {
			t.line("    < no answer")
			continue
		}
		t.line("    < %d %s", e.Status, printable(bounded(e.ResponseBody, t.longest)))
	}
}
