package report

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// withDifference is the sample with a control beside its fault.
func withDifference() *rptest.Report {
	r := sample()
	r.Results[1].Case.Field = "type"
	r.Results[1].Fault.Honest = json.RawMessage(`{"id":"AAAA","type":"public-key"}`)
	r.Results[1].Fault.Credential = json.RawMessage(`{"id":"AAAA","type":"<b>password\u202e"}`)
	return r
}

// The page has the difference, what to do, and the whole explanation, and none of
// what a site said acts in it.
func TestHTMLExplains(t *testing.T) {
	r := withDifference()
	long := strings.Repeat("x", 10*longestExplanation)
	r.Results[2].Fault.Exchanges[0].RequestBody = long
	page := string(written(t, "page.html", r))
	for _, want := range []string{
		"<dt>To do</dt><dd><strong>" + "Compare the client data&#39;s origin, whole and exactly",
		"<pre>type\n  control  ", "THE DIFFERENCE THAT IS TESTED\n  type\n", "&lt;b&gt;password\\u202e", "THE FAULT, AND WHAT THE SITE ANSWERED\n  POST http://127.0.0.1:8080/attestation/result\n",
		"<td>low, left to the site</td>", "<b>options.challenge</b>has this flaw, should not have it<",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing of %q in the page", want)
		}
	}
	if strings.Contains(page, "<b>password") || strings.Contains(page, "accept or reject") {
		t.Error("the page has what a site or a case says in place of text")
	}
	if n := strings.Count(page, "x"); n > 3*longestBody {
		t.Errorf("a body of %d bytes is in the page with %d", len(long), n)
	}
}

// Advisories are led to where their numbers are well formed.
func TestLink(t *testing.T) {
	for reference, want := range map[string]string{
		"CVE-2026-115828":             "https://nvd.nist.gov/vuln/detail/CVE-2026-115828",
		"GHSA-875x-g8p7-5w27":         "https://github.com/advisories/GHSA-875x-g8p7-5w27",
		"https://github.com/a/b/pull": "https://github.com/a/b/pull",
		"YSA-2026-02":                 "",
		"CVE-2026-1":                  "",
		"CVE-2026-30964/..":           "",
		"GHSA-875x-g8p7-5w2":          "",
		"GHSA-875x-g8p7-5w2l":         "",
		"http://github.com/a":         "",
		"javascript:alert(1)":         "",
	} {
		if got := link(reference); got != want {
			t.Errorf("%s leads to %q, want %q", reference, got, want)
		}
	}
}

// The steps' numbers are white on their class's colour, soft text is on the page's or
// a box's: all are readable (WCAG 2.2 §1.4.3).
func TestContrast(t *testing.T) {
	for i, theme := range regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(pageText, -1) {
		colours := map[string]string{"white": "#ffffff"}
		for _, m := range regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]+);`).FindAllStringSubmatch(theme[1], -1) {
			colours[m[1]] = m[2]
		}
		pairs := [][2]string{{"fg", "bg"}, {"fg", "box"}, {"soft", "bg"}, {"soft", "box"}}
		for _, on := range []string{"finding", "no-verdict", "known", "as-wanted", "policy", "grey"} {
			pairs = append(pairs, [2]string{"white", on})
		}
		for _, p := range pairs {
			a, b := luminance(t, colours[p[0]]), luminance(t, colours[p[1]])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("theme %d: %s on %s has a contrast of %.1f", i, p[0], p[1], ratio)
			}
		}
	}
}

func luminance(t *testing.T, colour string) (l float64) {
	t.Helper()
	if len(colour) == 4 {
		colour = string([]byte{'#', colour[1], colour[1], colour[2], colour[2], colour[3], colour[3]})
	}
	if len(colour) != 7 {
		t.Fatalf("%q is no colour", colour)
	}
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			l += weight * c / 12.92
		} else {
			l += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return l
}
