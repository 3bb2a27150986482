package main

import (
	"strings"
	"testing"
)

// Two files are called by the least that tells them apart, and that is short.
func TestExplainNamesSides(t *testing.T) {
	long := strings.Repeat("long", 20)
	for _, n := range []struct{ a, b, first, second string }{
		{"a.json", "b.json", "a.json", "b.json"},
		{"/tmp/x/a.json", "b.json", "a.json", "b.json"},
		{"x/r.json", "y/r.json", "x/r.json", "y/r.json"},
		{"r.json", "y/r.json", "r.json", "y/r.json"},
		{"/tmp/r.json", "r.json", "tmp/r.json", "r.json"},
		{"-", "r.json", "stdin", "r.json"},
		{"r.json", "-", "r.json", "stdin"},
		{"r.json", "./r.json", "r.json", "r.json"},
		{"a" + long + ".json", "b.json", "alonglonglonglo…nglonglong.json", "b.json"},
		{long + "a" + long, long + "b" + long, long + "a" + long, long + "b" + long},
	} {
		if first, second := sideNames(n.a, n.b); first != n.first || second != n.second {
			t.Errorf("%s and %s are %s and %s, want %s and %s", n.a, n.b, first, second, n.first, n.second)
		}
	}
}
