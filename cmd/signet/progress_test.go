package main

import (
	"strings"
	"testing"
)

// A long step is told by a bar that leaves nothing behind; nobody is told where there
// is no terminal.
func TestProgress(t *testing.T) {
	var out strings.Builder
	p := &progress{out: &out, what: "Moved"}
	for done := range 4000 {
		p.step(done+1, 5000)
	}
	p.end()
	said := out.String()
	if !strings.Contains(said, "Moved") || !strings.Contains(said, "█") || !strings.Contains(said, "/5000") {
		t.Errorf("it says %q", said)
	}
	if end := said[strings.LastIndex(said[:len(said)-1], "\r")+1:]; strings.Trim(end, " \r\x1b[2K") != "" {
		t.Errorf("ends in %q", end)
	}
	quiet := &progress{what: "Moved"}
	quiet.step(1, 2)
	quiet.end()
}
