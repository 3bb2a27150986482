package rptest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/internal/patience"
)

// Reset erases every credential. The PIN is what it was, with all its tries. To
// others it is one step: ceremonies under way end with NotAllowedError, as where the
// device is unplugged, and what is asked of the device meanwhile waits.
func (d *Device) Reset(ctx context.Context) error {
	defer d.engine.alone()()
	engine := d.engine.Authenticator
	if err := engine.Erase(ctx); err != nil {
		return fmt.Errorf("reset device: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	err := engine.AsOwner(ctx, nil, func(o *authenticator.Owner) error { return o.SetPIN(ctx, []byte(rightPIN)) })
	if err != nil {
		return fmt.Errorf("reset device: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.properties)
	d.aliases, d.internal = nil, nil
	return nil
}

// errReset ends a ceremony in which the device was reset.
var errReset = &client.Error{Name: client.NotAllowedError, Message: "the device was reset meanwhile"}

// engine is a device's authenticator, which is used by any number at a time or by
// Reset alone. A use must not begin within another: between the two a reset may have
// begun to wait.
type engine struct {
	*authenticator.Authenticator

	door   sync.Mutex // Reset holds it; other uses begin under it
	resets uint64     // guarded by door
	uses   sync.WaitGroup

	mu       sync.Mutex
	commands []*command // under way
}

// command is one of a session, as a context: it may wait for a person.
type command struct {
	*patience.Context
	over atomic.Bool // by a reset
}

// longestCommand is more than any person takes: a patience costs no timer while nobody
// waits, but ends some time.
const longestCommand = 1000 * time.Hour

// reset ends the command.
func (c *command) reset() {
	c.over.Store(true)
	c.End()
}

// alone ends the commands, waits until nobody uses the engine, and keeps others out
// until done is called.
func (e *engine) alone() (done func()) {
	e.door.Lock()
	e.resets++
	e.mu.Lock()
	for _, c := range e.commands {
		c.reset()
	}
	e.mu.Unlock()
	e.uses.Wait()
	return e.door.Unlock
}

// begin begins a use, which calls uses.Done at its end.
func (e *engine) begin() {
	e.door.Lock()
	defer e.door.Unlock()
	e.uses.Add(1)
}

// AsOwner is the authenticator's, but never in a reset.
func (e *engine) AsOwner(ctx context.Context, pin []byte, f func(*authenticator.Owner) error) error {
	e.begin()
	defer e.uses.Done()
	return e.Authenticator.AsOwner(ctx, pin, f)
}

// Unlock is the authenticator's, but never in a reset.
func (e *engine) Unlock(ctx context.Context, pin []byte, rearm bool) error {
	e.begin()
	defer e.uses.Done()
	return e.Authenticator.Unlock(ctx, pin, rearm)
}

// enter begins a session's command; leave ends it.
func (e *engine) enter(ctx context.Context, s *session) *command {
	c := &command{Context: patience.For(ctx, longestCommand)}
	e.door.Lock()
	defer e.door.Unlock()
	if !s.begun {
		s.begun, s.resets = true, e.resets
	}
	if s.resets != e.resets {
		c.reset()
	}
	e.uses.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.commands = append(e.commands, c)
	return c
}

func (e *engine) leave(c *command) {
	c.End()
	e.mu.Lock()
	i := slices.Index(e.commands, c)
	e.commands = slices.Delete(e.commands, i, i+1)
	e.mu.Unlock()
	e.uses.Done()
}

// during runs a session's command unless the device is reset, or was since the
// session's first.
func during[R any](ctx context.Context, s *session, run func(*command) (R, error)) (none R, err error) {
	e := &s.device.engine
	c := e.enter(ctx, s)
	defer e.leave(c)
	if c.over.Load() {
		return none, errReset
	}
	reply, err := run(c)
	if err != nil && c.over.Load() {
		return none, errReset
	}
	return reply, err
}
