// Package patience bounds how long somebody waits for somebody else: a device for
// a person, a browser for a device.
package patience

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errOver = errors.New("patience: the time is up")

// Context ends with the one that it stands on, or when its time is over; End has
// to be called. It is one of context.WithDeadline, but who is answered at once,
// as by a program, waits for neither end: so the timer starts with the first who
// asks for Done, and until then nothing but Over looks at the clock.
type Context struct {
	context.Context
	until time.Time

	mu      sync.Mutex
	ended   bool
	waiting context.Context // with the timer; nil: nobody waits
	cancel  context.CancelFunc
}

// For is the patience of a time from now on.
func For(ctx context.Context, d time.Duration) *Context {
	return &Context{Context: ctx, until: time.Now().Add(d)}
}

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) {
	if d, ok := c.Context.Deadline(); ok && d.Before(c.until) {
		return d, true
	}
	return c.until, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.wait()
	}
	return c.waiting.Done()
}

// wait starts the timer. c.mu is held.
func (c *Context) wait() {
	c.waiting, c.cancel = context.WithDeadlineCause(c.Context, c.until, errOver)
	if c.ended {
		c.cancel()
	}
}

// Err implements context.Context.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.waiting != nil:
		return c.waiting.Err()
	case c.Context.Err() != nil:
		return c.Context.Err()
	case c.ended:
		return context.Canceled
	}
	return nil
}

// Over tells whether it is its own time that is up. After that there is an Err.
func (c *Context) Over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil && c.Context.Err() == nil && !c.ended && !time.Now().Before(c.until) {
		c.wait()
	}
	return c.waiting != nil && context.Cause(c.waiting) == errOver
}

// End ends the context: whoever still waits waits no longer.
func (c *Context) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}
