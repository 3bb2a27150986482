package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/seed-77d61853/signet/rptest"
)

var update = flag.Bool("update", false, "write testdata anew")

// sample is a report with a result of each class, of a site that answers with
// what acts on terminals and pages.
func sample() *rptest.Report {
	const standard = "https://www.w3.org/TR/webauthn-3/#"
	register := func(id string, n string, sev rptest.Severity) rptest.Case {
		return rptest.Case{
			ID: "register." + id, Kind: rptest.Registering, Anchor: "§7.1 step " + n, URL: standard + "sctn-registering-a-new-credential",
			Recipe: "the " + id + " is another", Why: "nobody looks at the " + id, Want: rptest.MustReject, Sev: sev,
		}
	}
	hostile := register("origin", "9", rptest.Critical)
	hostile.References = []string{"CVE-2026-30964", "https://github.com/example/rp/issues/1"}
	accept := register("bom", "5", rptest.Low)
	accept.Want = rptest.MustAccept
	choice := register("escaped", "6", rptest.Low)
	choice.Want = rptest.Policy
	login := register("counter", "21", rptest.Medium)
	login.ID, login.Kind, login.Anchor = "login.counter", rptest.SigningIn, "§7.2 step 21"
	format := register("packed", "1", rptest.High)
	format.Anchor = "§8.2"
	chain := register("leaf", "1", rptest.High)
	chain.Anchor = "§8.10"
	options := register("challenge", "1", rptest.Critical)
	options.ID, options.Kind, options.Anchor = "options.challenge", rptest.Options, "§13.4.3"
	return &rptest.Report{
		RP: "FIDO REST profile at http://127.0.0.1:8080", Origin: "https://login.example", Seed: "golden",
		Started: time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC), Seconds: 1.5,
		FailOn: rptest.High,
		Results: []rptest.Result{
			{Case: options, Outcome: rptest.Accepted, Finding: true, Detail: "the challenge has 8 bytes", Seconds: 0.1,
				Exchanges: []rptest.Exchange{{Method: "POST", URL: "http://127.0.0.1:8080/attestation/options", Status: 200}}},
			{Case: hostile, Outcome: rptest.Accepted, Finding: true, Seconds: 0.25,
				Detail:  "status 200: \x1b[2J\x00]]><script src=https://evil.example></script>\u202e\xff",
				Control: rptest.Evidence{Credential: json.RawMessage(`{"id":"AA"}`)},
				Fault: rptest.Evidence{Credential: json.RawMessage("{\"id\":"), Exchanges: []rptest.Exchange{
					{Method: "POST", URL: "http://127.0.0.1:8080/attestation/result", RequestBody: `{"id":`, Status: 200,
						ResponseBody: "<img src=//evil.example/x>\xff\x00"}}}},
			{Case: register("flags", "15", rptest.High), Outcome: rptest.Crashed, Finding: true, Detail: "status 500",
				Fault: rptest.Evidence{Exchanges: []rptest.Exchange{{Method: "POST", URL: "http://127.0.0.1:8080/attestation/result"}}}},
			{Case: register("rpid", "14", rptest.High), Outcome: rptest.RejectedButStored, Finding: true, Known: true, Detail: "status 400"},
			{Case: accept, Outcome: rptest.Accepted, Detail: "status 200"},
			{Case: choice, Outcome: rptest.Rejected, Detail: "status 400"},
			{Case: login, Outcome: rptest.ControlFailed, Detail: `begin sign-in: Post "http://127.0.0.1:8080/assertion/options": context deadline exceeded`},
			{Case: format, Outcome: rptest.Rejected, Detail: "status 400: signature"},
			{Case: chain, Outcome: rptest.NotApplicable, Detail: "not applicable: it needs attestation direct"},
			{Case: register("browser", "2", rptest.Medium), Outcome: rptest.NotRun, Detail: "it is about the page's script"},
		},
	}
}

var writers = map[string]func(io.Writer, *rptest.Report) error{
	"table.txt": Table, "report.json": JSON, "junit.xml": JUnit, "sarif.json": SARIF, "page.html": HTML,
}

func written(t *testing.T, name string, r *rptest.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writers[name](&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each writer gives the bytes in testdata: go test -update writes them anew.
func TestGolden(t *testing.T) {
	for name := range writers {
		got, path := written(t, name, sample()), filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another; it is now:\n%s", path, got)
		}
	}
}

// What a site answered does nothing to a terminal.
func TestTableIsPlain(t *testing.T) {
	text := string(written(t, "table.txt", sample()))
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == 0x7f }); i >= 0 {
		t.Errorf("%q is in the table", text[i])
	}
	if !strings.Contains(text, "SEVERITY") || !strings.Contains(text, "the site crashed in 1") {
		t.Errorf("the table is\n%s", text)
	}
}

// Nor in JSON and SARIF, whose readers get it back as it was.
func TestJSONIsPlain(t *testing.T) {
	const evil = "a\u202eb\u009bc\U000e0001d\x7fe"
	r := sample()
	r.Results[0].Detail = evil
	for _, name := range []string{"report.json", "sarif.json"} {
		text := written(t, name, r)
		if i := bytes.IndexFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); i >= 0 {
			t.Errorf("%q is in %s", text[i:i+4], name)
		}
	}
	var got rptest.Report
	if err := json.Unmarshal(written(t, "report.json", r), &got); err != nil || got.Results[0].Detail != evil {
		t.Errorf("it came back as %q, %v", got.Results[0].Detail, err)
	}
}

// Nor does it turn a page's text about: not in what was seen, and not in requests.
func TestHTMLIsPlain(t *testing.T) {
	const evil = "a\u202eb\u2066c\u061cd\x1be\x00"
	r := sample()
	for i := range r.Results {
		r.Results[i].Detail = evil
		r.Results[i].Fault.Exchanges = []rptest.Exchange{{
			Method: "POST", URL: "https://login.example/" + evil, Status: 200, RequestBody: evil + "\r\n\tnext",
			ResponseBody: evil + strings.Repeat("é", longestBody) + evil,
		}}
	}
	r.RP, r.Origin, r.Seed = evil, evil, evil
	page := string(written(t, "page.html", r))
	for _, c := range page {
		if !unicode.IsPrint(c) && c != '\n' && c != '\t' {
			t.Errorf("%U is in the page", c)
		}
	}
	const plain = `a\u202eb\u2066c\u061cd\x1be\x00`
	for _, want := range []string{
		", " + plain + "</dd>", "<pre>POST https://login.example/" + plain + "\n\n" + plain + "\n\tnext</pre>",
		"200\n\n" + plain + "éé", "éé …</pre>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing of %q in the page", want)
		}
	}
}

// What heads a report counts the cases that were played, and tells of others.
func TestHeadingCountsPlayed(t *testing.T) {
	all := sample()
	for _, h := range []struct {
		results []rptest.Result
		want    string
	}{
		{all.Results, "8 cases in 1.5 s, 2 more not played, seed "}, // one does not apply, one was not run
		{all.Results[:8], "8 cases in 1.5 s, seed "},
		{all.Results[:1], "1 case in 1.5 s, seed "},
		{all.Results[9:], "0 cases in 1.5 s, 1 more not played, seed "},
	} {
		r := *all
		r.Results = h.results
		if text := string(written(t, "table.txt", &r)); !strings.Contains(text, "\n"+h.want+"golden\n") {
			t.Errorf("nothing of %q in\n%s", h.want, text)
		}
		if page := string(written(t, "page.html", &r)); !strings.Contains(page, " "+h.want+"<code>golden</code>.") {
			t.Errorf("nothing of %q in the page", h.want)
		}
	}
}

// An explanation shows the field that is tested first, what follows from it after, and does nothing to a terminal either.
func TestExplanation(t *testing.T) {
	result := sample().Results[1]
	result.Case.Field = "type"
	result.Fault.Honest = json.RawMessage(`{"id":"AAAA","type":"public-key"}`)
	result.Fault.Credential = json.RawMessage(`{"id":"AAEC","type":"password"}`)
	var b strings.Builder
	if err := Explanation(&b, &result); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	order := []string{"  Wanted    reject (severity critical)\n", "THE DIFFERENCE THAT IS TESTED\n  type\n", "\"password\"\n", "WHAT FOLLOWS FROM IT", "\n  id\n", "THE FAULT,", "  POST http"}
	for i, last := 0, 0; i < len(order); i++ {
		at := strings.Index(text[last:], order[i])
		if at < 0 {
			t.Fatalf("%q is not where it should be in\n%s", order[i], text)
		}
		last += at
	}
	if strings.ContainsAny(text, "\x1b\x00\u202e") {
		t.Errorf("the explanation acts on terminals: %q", text)
	}
}

// A report without findings has no table of them, and says so.
func TestTableOfNothing(t *testing.T) {
	r := sample()
	r.Results = r.Results[4:6]
	text := string(written(t, "table.txt", r))
	if strings.Contains(text, "SEVERITY") || !strings.HasSuffix(text, "\n0 findings, 1 as it has to be, 1 left to the site.\n") {
		t.Errorf("the table is\n%s", text)
	}
}

func TestJSONReadsBack(t *testing.T) {
	var got struct {
		rptest.Report
		Summary Summary `json:"summary"`
	}
	if err := json.Unmarshal(written(t, "report.json", sample()), &got); err != nil {
		t.Fatal(err)
	}
	if want := Count(sample()); got.Summary != want || len(got.Results) != want.Cases {
		t.Errorf("read back %d results and %+v, want %+v", len(got.Results), got.Summary, want)
	}
	s := got.Summary
	if s.Findings+s.Known+s.AsWanted+s.Policy+s.NoVerdict+s.NotApplicable+s.NotRun != s.Cases {
		t.Errorf("%+v does not add up", s)
	}
	if string(got.Results[1].Fault.Credential) != `"{\"id\":"` {
		t.Errorf("a response that is no JSON became %s", got.Results[1].Fault.Credential)
	}
}

func TestJUnitReadsBack(t *testing.T) {
	var got junitSuites
	if err := xml.Unmarshal(written(t, "junit.xml", sample()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 10 || got.Failures != 3 || got.Errors != 0 || got.Skipped != 4 {
		t.Errorf("counts are %+v", got.junitCounts)
	}
	var sum junitCounts
	for _, s := range got.Suites {
		sum.sum(s.junitCounts)
		if len(s.Cases) != s.Tests {
			t.Errorf("suite %s has %d cases and counts %d", s.Name, len(s.Cases), s.Tests)
		}
	}
	if sum.Tests != got.Tests || sum.Failures != got.Failures {
		t.Errorf("the suites count %+v", sum)
	}
	i := slices.IndexFunc(got.Suites, func(s junitSuite) bool { return s.Name == "register" })
	j := slices.IndexFunc(got.Suites[i].Cases, func(c junitCase) bool { return c.Name == "register.flags" })
	if f := got.Suites[i].Cases[j].Failure; f == nil || f.Type != "crashed" {
		t.Errorf("a crash is %+v", f)
	}
}

// A page loads nothing and runs nothing, whatever the site answered. Its links
// lead to the standard and to advisories.
func TestHTMLStandsAlone(t *testing.T) {
	page := string(written(t, "page.html", sample()))
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1) {
		if regexp.MustCompile(`(?i)^<(script|link|img|iframe|object|embed|base|image|use)\b|\s(src|srcset|xlink:href|style|on\w+)=`).MatchString(tag) {
			t.Errorf("the page has %s", tag)
		}
	}
	for _, loads := range []string{"url(", "@import"} {
		if strings.Contains(page, loads) {
			t.Errorf("the page has %s", loads)
		}
	}
	elsewhere := []string{"https://github.com/example/rp/issues/1", "https://nvd.nist.gov/vuln/detail/CVE-2026-30964"}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		place, within := strings.CutPrefix(m[1], "#")
		switch {
		case within && !strings.Contains(page, `id="`+place+`"`):
			t.Errorf("no place in the page is called %s", place)
		case !within && !strings.HasPrefix(m[1], "https://www.w3.org/TR/webauthn-3/") && !slices.Contains(elsewhere, m[1]):
			t.Errorf("the page leads to %s", m[1])
		}
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") && !strings.Contains(page, "default-src 'none'") {
		t.Error("the page has no content security policy")
	}
}

// The picture has every step of the two procedures, and each case in one cell.
func TestCoverage(t *testing.T) {
	sections := coverage(sample())
	if len(sections) != 4 || len(sections[0].Steps) != 29 || len(sections[1].Steps) != 25 {
		t.Fatalf("%d sections", len(sections))
	}
	n := 0
	for _, s := range sections {
		for _, st := range s.Steps {
			n += len(st.Results)
		}
	}
	if n != len(sample().Results) {
		t.Errorf("%d of %d results have a cell", n, len(sample().Results))
	}
	if c := sections[0].Steps[8].Class(); c != finding {
		t.Errorf("step 9 is %s", c)
	}
	if s := sections[2].Steps; s[0].Anchor != "§8.2" || s[1].Anchor != "§8.10" {
		t.Errorf("formats are in the order %s, %s", s[0].Anchor, s[1].Anchor)
	}
	for _, c := range rptest.Catalogue() {
		if c.Anchor == "" || c.Recipe == "" || c.Why == "" || c.Sev == 0 {
			t.Errorf("%s says too little for a report: %+v", c.ID, c)
		}
	}
}
