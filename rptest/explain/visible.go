package explain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Visible makes one line that does nothing to a terminal of what somebody else
// wrote. Control characters, line ends, what turns the direction of writing, other
// format characters and spaces other than the usual one are written as Go does in
// strings: \n, \x1b, \u202e. So are bytes that are not UTF-8, as \xff. A backslash stays as it
// is, so what is visible stays as it is, too.
func Visible(s string) string { return visible(s, "") }

// VisibleLines is Visible of many lines: it keeps line ends, as \n, and tabs.
func VisibleLines(s string) string {
	return visible(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t")
}

// Cut gives what of a text is in its first n bytes; of a character that is not whole
// there, nothing.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i >= 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

func visible(s, kept string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r), strings.ContainsRune(kept, r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}
