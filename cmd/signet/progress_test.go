package main

import (
	"strings"
	"testing"
)

// A long step is told by the thousandth, and leaves no line behind; nobody is
// told where there is no terminal.
func TestProgress(t *testing.T) {
	var out strings.Builder
	p := &progress{out: &out, what: "Moved", last: -1}
	for done := range 5001 {
		p.step(done, 5000)
	}
	p.end()
	if n := strings.Count(out.String(), "\r"); n != 1001+1 {
		t.Errorf("told %d times", n)
	}
	if !strings.HasSuffix(out.String(), "Moved 5000 of 5000\r\x1b[K") {
		t.Errorf("ends in %q", out.String()[out.Len()-30:])
	}
	quiet := &progress{what: "Moved"}
	quiet.step(1, 2)
	quiet.end()
}
