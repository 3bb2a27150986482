package authenticator

import (
	"context"
	"sync"
	"time"
)

// patience is the context of a question to a person: it ends with the request
// that asks, or when the person's time is over. Who answers at once, as a program
// does, waits for neither, so the timer starts with the first who asks for Done.
type patience struct {
	context.Context // the request's
	until           time.Time

	mu      sync.Mutex
	waiting context.Context // with the timer; nil: nobody waits
	cancel  context.CancelFunc
}

// Deadline implements context.Context.
func (p *patience) Deadline() (time.Time, bool) {
	if d, ok := p.Context.Deadline(); ok && d.Before(p.until) {
		return d, true
	}
	return p.until, true
}

// Done implements context.Context.
func (p *patience) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting, p.cancel = context.WithDeadline(p.Context, p.until)
	}
	return p.waiting.Done()
}

// Err implements context.Context.
func (p *patience) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.waiting != nil:
		return p.waiting.Err()
	case p.Context.Err() != nil:
		return p.Context.Err()
	case !time.Now().Before(p.until):
		return context.DeadlineExceeded
	}
	return nil
}

// end ends the context: whoever still waits waits no longer.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
	if p.cancel != nil {
		p.cancel()
	}
}
