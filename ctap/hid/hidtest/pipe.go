// Package hidtest joins a CTAPHID device and its client in memory.
package hidtest

import (
	"fmt"
	"io"
	"sync"

	"github.com/seed-77d61853/signet/ctap/hid"
)

// depth is how many reports a direction holds before Write waits: more than
// the longest message has.
const depth = 160

// Pipe returns the two ends of a connection that carries whole reports. Write
// takes exactly one report and waits while the other end has not read the 160
// before it; Read gives exactly one. Closing either end closes both: what was
// written can still be read, then Read returns io.EOF; Write returns
// io.ErrClosedPipe. Each end is safe for concurrent use, and waiting on it is
// durably blocking in a synctest bubble.
func Pipe() (device, client io.ReadWriteCloser) {
	up, down := make(chan hid.Report, depth), make(chan hid.Report, depth)
	done := make(chan struct{})
	closing := sync.OnceFunc(func() { close(done) })
	return &end{in: up, out: down, done: done, closing: closing},
		&end{in: down, out: up, done: done, closing: closing}
}

type end struct {
	in      <-chan hid.Report
	out     chan<- hid.Report
	done    <-chan struct{}
	closing func()
}

func (e *end) Read(p []byte) (int, error) {
	if len(p) < hid.ReportSize {
		return 0, io.ErrShortBuffer
	}
	select {
	case r := <-e.in:
		return copy(p, r[:]), nil
	case <-e.done:
		select {
		case r := <-e.in:
			return copy(p, r[:]), nil
		default:
			return 0, io.EOF
		}
	}
}

func (e *end) Write(p []byte) (int, error) {
	if len(p) != hid.ReportSize {
		return 0, fmt.Errorf("a report has %d bytes, not %d", hid.ReportSize, len(p))
	}
	select {
	case <-e.done:
		return 0, io.ErrClosedPipe
	default:
	}
	select {
	case e.out <- hid.Report(p):
		return len(p), nil
	case <-e.done:
		return 0, io.ErrClosedPipe
	}
}

func (e *end) Close() error {
	e.closing()
	return nil
}
