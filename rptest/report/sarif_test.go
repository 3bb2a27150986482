package report

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// SARIF has the members that its schema requires, and values that it knows; each
// result's rule is the one that its index says.
func TestSARIF(t *testing.T) {
	var log map[string]any
	if err := json.Unmarshal(written(t, "sarif.json", sample()), &log); err != nil {
		t.Fatal(err)
	}
	d := &document{t}
	if log["version"] != "2.1.0" || d.text(log, "$schema") == "" {
		t.Errorf("version is %v", log["version"])
	}
	run := d.list(log, "runs")[0]
	driver := d.object(d.object(run, "tool"), "driver")
	d.text(driver, "name")
	rules := d.list(driver, "rules")
	var ids []string
	for _, rule := range rules {
		ids = append(ids, d.text(rule, "id"))
		for _, message := range []string{"shortDescription", "fullDescription", "help"} {
			d.text(d.object(rule, message), "text")
		}
		d.uri(rule, "helpUri")
		d.level(d.object(rule, "defaultConfiguration"))
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(ids)))); n != len(ids) || n != len(sample().Results) {
		t.Errorf("%d rules, %d of them different", len(ids), n)
	}
	results := d.list(run, "results")
	if len(results) != 4 {
		t.Errorf("%d results", len(results))
	}
	for _, r := range results {
		d.text(d.object(r, "message"), "text")
		d.level(r)
		if r["kind"] != "fail" {
			t.Errorf("kind is %v", r["kind"])
		}
		if i := int(r["ruleIndex"].(float64)); ids[i] != d.text(r, "ruleId") {
			t.Errorf("rule %d is %s, the result's %v", i, ids[i], r["ruleId"])
		}
		for _, l := range d.list(r, "locations") {
			place := d.object(l, "physicalLocation")
			d.relative(d.object(place, "artifactLocation"), "uri")
			if line := d.object(place, "region")["startLine"]; line != 1.0 {
				t.Errorf("line is %v", line)
			}
		}
		if s, ok := r["suppressions"]; ok != (r["ruleId"] == "register.rpid") {
			t.Errorf("suppressions of %v: %v", r["ruleId"], s)
		}
	}
	invocation := d.list(run, "invocations")[0]
	if invocation["executionSuccessful"] != true {
		t.Error("no execution was successful")
	}
	for _, name := range []string{"startTimeUtc", "endTimeUtc"} {
		if _, err := time.Parse(time.RFC3339, d.text(invocation, name)); err != nil {
			t.Error(err)
		}
	}
	for _, n := range d.list(invocation, "toolExecutionNotifications") {
		d.text(d.object(n, "message"), "text")
		d.level(n)
	}
}

// document reads required members.
type document struct{ t *testing.T }

func (d *document) object(of map[string]any, name string) map[string]any {
	d.t.Helper()
	o, ok := of[name].(map[string]any)
	if !ok {
		d.t.Fatalf("%s is %v", name, of[name])
	}
	return o
}

func (d *document) list(of map[string]any, name string) (list []map[string]any) {
	d.t.Helper()
	elements, ok := of[name].([]any)
	if !ok || len(elements) == 0 {
		d.t.Fatalf("%s is %v", name, of[name])
	}
	for _, e := range elements {
		list = append(list, e.(map[string]any))
	}
	return list
}

func (d *document) text(of map[string]any, name string) string {
	d.t.Helper()
	s, ok := of[name].(string)
	if !ok || s == "" {
		d.t.Fatalf("%s is %v", name, of[name])
	}
	return s
}

func (d *document) uri(of map[string]any, name string) {
	d.t.Helper()
	if u, err := url.Parse(d.text(of, name)); err != nil || !u.IsAbs() {
		d.t.Errorf("%s is %v", name, of[name])
	}
}

// relative is what code scanning takes: no scheme, no host, no path of a root.
func (d *document) relative(of map[string]any, name string) {
	d.t.Helper()
	if u, err := url.Parse(d.text(of, name)); err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "/") {
		d.t.Errorf("%s is %v", name, of[name])
	}
}

func (d *document) level(of map[string]any) {
	d.t.Helper()
	if !slices.Contains([]string{"none", "note", "warning", "error"}, fmt.Sprint(of["level"])) {
		d.t.Errorf("level is %v", of["level"])
	}
}

// Every place is relative: the request's path, or the file that was named.
func TestSARIFPlaces(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8080/attestation/result": "attestation/result",
		"https://login.example":                    "login.example",
		"https://login.example/":                   "login.example",
		"https://[::1]:8080":                       "./::1",
		"https://login.example/../../etc/passwd":   "etc/passwd",
		"https://login.example/a b?c=d#e":          "a%20b",
		"https://login.example/http://a/":          "./http:/a",
		"https://login.example//evil.example/x":    "evil.example/x",
		"":                                         "site",
		"://":                                      "site",
	} {
		if got := placeOf(address); got != want {
			t.Errorf("%s is at %q, want %q", address, got, want)
		}
	}
	var b strings.Builder
	if err := SARIFAt("test/my rp.yaml")(&b, sample()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `"uri": "test/my%20rp.yaml"`); n != 4 {
		t.Errorf("%d of 4 findings are at the file:\n%s", n, &b)
	}
	if !strings.Contains(b.String(), "Request: POST http://127.0.0.1:8080/attestation/result") {
		t.Error("no message has the address")
	}
}

// What rules and results say of every case are sentences.
func TestSARIFIsInSentences(t *testing.T) {
	r := &rptest.Report{Origin: "https://login.example"}
	for _, c := range rptest.Catalogue() {
		for _, o := range []rptest.Outcome{rptest.Accepted, rptest.Rejected, rptest.RejectedButStored, rptest.Crashed} {
			if c.Fails(o) {
				r.Results = append(r.Results, rptest.Result{Case: c, Outcome: o, Finding: true, Detail: "status 200"})
			}
		}
	}
	sentences := func(id, text string) {
		t.Helper()
		for i, s := range regexp.MustCompile(`[.?] `).Split(text, -1) {
			word := strings.TrimRight(strings.Fields(s + " -")[0], ",:;.")
			if sentence(word) != word+"." {
				t.Errorf("%s: sentence %d of %q begins with %q", id, i, text, word)
			}
		}
		if last := text[len(text)-1]; last != '.' && last != '?' && last != ')' || strings.Contains(text, "..") || strings.Contains(text, "?.") || strings.Contains(text, "  ") {
			t.Errorf("%s ends or joins badly: %q", id, text)
		}
		for _, bad := range []string{"have it it", "not have it", "to have this", "reject accept", "it it", "and this was seen"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s says %q: %q", id, bad, text)
			}
		}
	}
	for i := range r.Results {
		rule := ruleOf(r, &r.Results[i].Case)
		for _, m := range []sarifMessage{rule.Short, rule.Full, rule.Help, resultOf(r, &r.Results[i], i, "").Message} {
			sentences(rule.ID, m.Text)
		}
	}
}
