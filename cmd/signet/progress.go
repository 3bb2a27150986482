package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// A progress shows how far something long is, on one line of a terminal.
type progress struct {
	out  io.Writer // nil: nobody looks
	what string    // "Moved"
	last int       // per mille
}

// newProgress shows on standard error, where that is a terminal.
func newProgress(what string) *progress {
	p := &progress{what: what, last: -1}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.out = os.Stderr
	}
	return p
}

// step tells that so many of so many are done.
func (p *progress) step(done, total int) {
	if p.out == nil || total == 0 {
		return
	}
	mille := done * 1000 / total
	if mille == p.last {
		return
	}
	p.last = mille
	fmt.Fprintf(p.out, "\r%s %d of %d", p.what, done, total)
}

// end leaves the line to what is printed next.
func (p *progress) end() {
	if p.out != nil && p.last >= 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.last = -1
}
