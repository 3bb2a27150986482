package explain

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table sets the changes of a fault from its control side by side in text.
func Table(changes []Change) string { return TableOf(changes, "control", "fault") }

// TableOf is Table of two whose names are others. Long values are cut around the
// first difference, at the same place in both.
func TableOf(changes []Change, control, fault string) string {
	control, fault = Visible(control), Visible(fault)
	width := max(utf8.RuneCountInString(control), utf8.RuneCountInString(fault))
	var b strings.Builder
	for _, c := range changes {
		path := c.Path
		if path == "" {
			path = "(all)"
		}
		b.WriteString(Visible(path))
		from := 0
		if c.Control != "" && c.Fault != "" && max(len(c.Control), len(c.Fault)) > maxShown {
			var at int
			from, at = difference(c.Control, c.Fault)
			fmt.Fprintf(&b, "  (byte %d, counted from 0, is the first that differs)", at)
		}
		fmt.Fprintf(&b, "\n  %-*s  %s\n  %-*s  %s\n", width, control, cell(c.Control, from), width, fault, cell(c.Fault, from))
	}
	return b.String()
}

// before is how much that is the same is shown before a difference, in bytes of text.
const before = 32

// difference finds the first difference of two values: where in the text to begin to
// show them, and which byte of the values it is.
func difference(a, b string) (from, at int) {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	switch {
	case isHexed(a) && isHexed(b):
		at = (i - len(hexPrefix)) / 2
		i = len(hexPrefix) + 2*at
	case strings.HasPrefix(a, `"`) && strings.HasPrefix(b, `"`):
		at = i - 1
	default:
		at = i
	}
	if i+before <= maxShown {
		return 0, at
	}
	from = i - before
	for back := 0; back < utf8.UTFMax; back++ {
		if utf8.RuneStart(a[from-back]) {
			return from - back, at
		}
	}
	return from, at
}

const hexPrefix = "h'"

func isHexed(s string) bool {
	digits, begins := strings.CutPrefix(s, hexPrefix)
	digits, ends := strings.CutSuffix(digits, "'")
	_, err := hex.DecodeString(digits)
	return begins && ends && err == nil
}

// cell is a value from a byte of its text on; all of it where it is short.
func cell(s string, from int) string {
	switch {
	case s == "":
		return "(missing)"
	case len(s) <= maxShown || from == 0:
		return cut(s)
	}
	shown, rest := Cut(s[from:], maxShown), ""
	if len(shown) < len(s)-from {
		rest = "..."
	}
	return fmt.Sprintf("...%s%s %d characters", Visible(shown), rest, utf8.RuneCountInString(s))
}
