package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A progress shows how far something long is, by a bar on one line of a terminal.
type progress struct {
	out  io.Writer // nil: nobody looks
	what string    // "Moved"
	bar  *progressbar.ProgressBar
}

// newProgress shows on standard error, where that is a terminal.
func newProgress(what string) *progress {
	p := &progress{what: what}
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
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	}
	p.bar.Set(done)
}

// end leaves the line to what is printed next.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Clear()
	}
	p.bar = nil
}
