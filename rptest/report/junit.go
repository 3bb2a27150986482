package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// The elements of JUnit XML, as continuous integration reads it.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		junitCounts
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitCounts struct {
		Name     string  `xml:"name,attr"`
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Errors   int     `xml:"errors,attr"`
		Skipped  int     `xml:"skipped,attr"`
		Time     seconds `xml:"time,attr"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		Time    seconds     `xml:"time,attr"`
		Failure *junitFault `xml:"failure"`
		Error   *junitFault `xml:"error"`
		Skipped *junitFault `xml:"skipped"`
		Output  string      `xml:"system-out,omitempty"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

type seconds float64

// MarshalText implements encoding.TextMarshaler.
func (s seconds) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%.3f", float64(s)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *seconds) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), (*float64)(s))
	return err
}

// JUnit writes a report as JUnit XML: a test suite for each kind of case, a test
// for each case. There are failures where a finding fails the audit, and errors
// where a case without a verdict, or its being stopped, leaves it undecided: as
// signet audit ends. A failure's type is the outcome. Other findings are skipped,
// and told as output; so is what did not run or does not apply.
func JUnit(w io.Writer, r *rptest.Report) error {
	all := junitSuites{junitCounts: junitCounts{Name: "signet audit of " + r.RP}}
	for _, kind := range []rptest.Kind{rptest.Options, rptest.Registering, rptest.SigningIn, rptest.Sequence} {
		suite := junitSuite{
			junitCounts: junitCounts{Name: string(kind)}, Timestamp: r.Started.UTC().Format(time.RFC3339),
			Properties: []junitProperty{{"rp", r.RP}, {"origin", r.Origin}, {"seed", r.Seed}},
		}
		for i := range r.Results {
			if r.Results[i].Case.Kind == kind {
				suite.add(r, &r.Results[i])
			}
		}
		if suite.Tests > 0 {
			all.sum(suite.junitCounts)
			all.Suites = append(all.Suites, suite)
		}
	}
	if r.Stopped {
		stopped := junitCounts{Name: "audit", Tests: 1, Errors: 1}
		all.sum(stopped)
		all.Suites = append(all.Suites, junitSuite{
			junitCounts: stopped, Timestamp: r.Started.UTC().Format(time.RFC3339),
			Cases: []junitCase{{Name: "done", Class: "signet.audit", Error: &junitFault{Message: "the audit was stopped"}}},
		})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(report *rptest.Report, r *rptest.Result) {
	c := junitCase{Name: r.Case.ID, Class: "signet." + string(r.Case.Kind), Time: seconds(r.Seconds)}
	counts := junitCounts{Tests: 1, Time: seconds(r.Seconds)}
	seen := fmt.Sprintf("%s: %s, should %s", r.Case.Sev, did(r), should(&r.Case))
	switch class := classOf(r); {
	case report.Fails(r):
		counts.Failures = 1
		c.Failure = &junitFault{seen, string(r.Outcome), prose(r)}
	case report.Undecided(r):
		counts.Errors = 1
		c.Error = &junitFault{printable(r.Detail), string(r.Outcome), ""}
	case class == known:
		counts.Skipped = 1
		c.Skipped, c.Output = &junitFault{Message: "known: " + did(r) + ", " + printable(r.Detail)}, prose(r)
	case class == finding:
		counts.Skipped = 1
		c.Skipped, c.Output = &junitFault{Message: "does not fail the audit: " + seen}, prose(r)
	case class == noVerdict:
		counts.Skipped = 1
		c.Skipped = &junitFault{Message: "no verdict: " + printable(r.Detail)}
	case class == notApplicable, class == notRun:
		counts.Skipped = 1
		c.Skipped = &junitFault{Message: printable(r.Detail)}
	}
	s.sum(counts)
	s.Cases = append(s.Cases, c)
}

func (c *junitCounts) sum(more junitCounts) {
	c.Tests += more.Tests
	c.Failures += more.Failures
	c.Errors += more.Errors
	c.Skipped += more.Skipped
	c.Time += more.Time
}

// prose tells a finding in lines.
func prose(r *rptest.Result) string {
	lines := []string{
		"Done: " + r.Case.Recipe,
		"Why: " + r.Case.Why,
		"Standard: " + r.Case.Anchor + ", " + r.Case.URL,
		"Seen: " + did(r) + ", " + printable(r.Detail),
	}
	if text := todo(r); text != "" {
		lines = append(lines, "To do: "+text)
	}
	if e := last(r); e != nil {
		lines = append(lines, "Request: "+request(e))
	}
	for _, ref := range r.Case.References {
		lines = append(lines, "See also: "+ref)
	}
	if text := difference(r); text != "" {
		lines = append(lines, "The difference that is tested:", text)
	}
	return strings.Join(lines, "\n")
}

// request names one, and how it was answered.
func request(e *rptest.Exchange) string {
	answer := "no answer"
	if e.Status > 0 {
		answer = fmt.Sprintf("status %d", e.Status)
	}
	return printable(e.Method+" "+e.URL) + ": " + answer
}
