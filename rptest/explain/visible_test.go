package explain_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/seed-77d61853/signet/rptest/explain"
)

func TestVisible(t *testing.T) {
	for _, v := range []struct{ text, line, lines string }{
		{"", "", ""},
		{`Zoë "signs" \in 日本 😀`, `Zoë "signs" \in 日本 😀`, `Zoë "signs" \in 日本 😀`},
		{"\x00\a\b\v\f\x7f", `\x00\a\b\v\f\x7f`, `\x00\a\b\v\f\x7f`},
		{"\x1b[2J\x1b]0;owned\a", `\x1b[2J\x1b]0;owned\a`, `\x1b[2J\x1b]0;owned\a`},
		{"\u0080\u009b2J\u009f", `\u0080\u009b2J\u009f`, `\u0080\u009b2J\u009f`}, // CSI in one character
		{"a\tb\nc\r\nd\re", `a\tb\nc\r\nd\re`, "a\tb\nc\nd\\re"},
		{"\u0085\u2028\u2029", `\u0085\u2028\u2029`, `\u0085\u2028\u2029`},
		{"\u202a\u202b\u202c\u202d\u202e", `\u202a\u202b\u202c\u202d\u202e`, `\u202a\u202b\u202c\u202d\u202e`}, // embeddings, overrides
		{"\u2066\u2067\u2068\u2069", `\u2066\u2067\u2068\u2069`, `\u2066\u2067\u2068\u2069`},                   // isolates
		{"\u061c\u200e\u200f", `\u061c\u200e\u200f`, `\u061c\u200e\u200f`},                                     // marks
		{"\u200b\u200d\u2060\ufeff\u00ad", `\u200b\u200d\u2060\ufeff\u00ad`, `\u200b\u200d\u2060\ufeff\u00ad`}, // nothing to see
		{"\u00a0\u3000", `\u00a0\u3000`, `\u00a0\u3000`},
		{"\U000e0041", `\U000e0041`, `\U000e0041`}, // a tag
		{"a\xffb\xe2\x80", `a\xffb\xe2\x80`, `a\xffb\xe2\x80`},
		{"\xed\xa0\x80\xc0\x9b", `\xed\xa0\x80\xc0\x9b`, `\xed\xa0\x80\xc0\x9b`}, // half a pair, ESC in two bytes
		{"\ufffd", "\ufffd", "\ufffd"},
	} {
		if got := explain.Visible(v.text); got != v.line {
			t.Errorf("%q is %q, want %q", v.text, got, v.line)
		}
		if got := explain.VisibleLines(v.text); got != v.lines {
			t.Errorf("lines of %q are %q, want %q", v.text, got, v.lines)
		}
	}
}

// What is visible is printable, and stays as it is.
func FuzzVisible(f *testing.F) {
	f.Add("a\x1b[2J\u202e\u2066\xff\r\n\tb")
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range []struct {
			name  string
			f     func(string) string
			keeps string
		}{{"Visible", explain.Visible, ""}, {"VisibleLines", explain.VisibleLines, "\n\t"}} {
			once := v.f(s)
			for _, r := range once {
				if !unicode.IsPrint(r) && !strings.ContainsRune(v.keeps, r) {
					t.Fatalf("%s(%q) has %U", v.name, s, r)
				}
			}
			if twice := v.f(once); twice != once {
				t.Fatalf("%s(%q) is %q, and then %q", v.name, s, once, twice)
			}
		}
	})
}
