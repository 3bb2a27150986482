package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/rptest"
)

// identifiers are members' names that look like words.
var identifiers = []string{"alg", "attStmt", "challenge", "fmt", "id", "origin", "prf", "r", "s", "sig", "type", "ver", "y"}

// sentence makes one of a case's words: it begins with a capital, unless with a name
// that has its own spelling, and ends.
func sentence(s string) string {
	word, _, _ := strings.Cut(s, " ")
	word = strings.TrimRight(word, ",:;")
	named := strings.ContainsFunc(word, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsDigit(r) || r == '.' })
	if !named && !slices.Contains(identifiers, word) && word != "hmac-secret" {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	return ended(s)
}

// ended ends a sentence.
func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// about tells in sentences what a case is about.
func about(c *rptest.Case) string {
	has := "The site has to " + should(c) + " this."
	switch {
	case c.Want == rptest.Policy:
		has = "The standard leaves it to the site."
	case c.Kind == rptest.Options:
		has = "It must not be so."
	}
	text := fmt.Sprintf("%s %s %s Standard: %s.", sentence(c.Recipe), has, sentence(c.Why), c.Anchor)
	remedies := refuse
	if c.Want == rptest.MustAccept {
		remedies = accept
	}
	if c.Want == rptest.Policy {
		return text
	}
	return strings.TrimSpace(text + " " + remedy(remedies, c))
}

// told tells in sentences what a site did in a case, and what it has to do.
func told(r *rptest.Result) string {
	parts := []string{seen(r), "Tested: " + ended(r.Case.Recipe), "Why it matters: " + ended(r.Case.Why), "Standard: " + r.Case.Anchor + "."}
	if text := todo(r); text != "" {
		parts = append(parts, "To do: "+text)
	}
	if e := last(r); e != nil {
		parts = append(parts, "Request: "+printable(e.Method+" "+e.URL)+" .")
	}
	return strings.Join(parts, " ")
}

// seen is a sentence of what a site did and should have done.
func seen(r *rptest.Result) string {
	did := map[rptest.Outcome]string{
		rptest.Accepted: "accepted this", rptest.Rejected: "rejected this",
		rptest.RejectedButStored: "rejected this and yet kept something of it", rptest.Crashed: "crashed on this",
	}[r.Outcome]
	has := ", and has to " + should(&r.Case) + " it"
	switch {
	case r.Case.Kind == rptest.Options && r.Outcome == rptest.Accepted:
		did, has = "has this flaw", ""
	case r.Case.Kind == rptest.Options, r.Case.Want == rptest.Policy, r.Outcome == rptest.RejectedButStored && r.Case.Want == rptest.MustReject:
		has = ""
	}
	text := "The site " + did + has
	if r.Detail != "" {
		text += ": " + printable(r.Detail)
	}
	return ended(text)
}
