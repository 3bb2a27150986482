// Package daemon runs a device on its doors until it is told to stop, and
// tells on a control socket what it is doing.
package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// A Door is one way in, open for business.
type Door struct {
	// Name is the kind of door: "stream", "tcp", "pcsc".
	Name string `json:"name"`
	// Address is where it is: a path, or host and port.
	Address string `json:"address"`
	// Reach says who can reach it.
	Reach string `json:"reach"`
	// Waiting says what the door needs before anybody can come; empty: nothing.
	Waiting string `json:"waiting,omitempty"`
	// Use says how to use it.
	Use string `json:"-"`
	// Look, where set, finds out what Waiting is now. It may wait a moment for
	// the door to know.
	Look func(ctx context.Context) (waiting string) `json:"-"`
	// Serve lets clients in until ctx ends.
	Serve func(ctx context.Context) error `json:"-"`
}

// A Daemon is a device with its doors.
type Daemon struct {
	Doors []Door
	// Control is the path of the control socket.
	Control string
	// Status completes a Status, whose PID, Since and Doors are set.
	Status func(ctx context.Context, s *Status) error
	// Owner answers the owner's calls; nil: there are none.
	Owner Caller
	// Attended asks on the terminal that is attached; nil: none can be.
	Attended *Attended
	// Lock ends what rests on a proven PIN: it is called before the machine
	// sleeps and after the clock has jumped.
	Lock func(ctx context.Context)
	// Ready is called once, when clients can come.
	Ready func() error
	Log   *slog.Logger

	since time.Time
}

// Run serves every door and the control socket until parent ends, and returns
// nil then, or until one of them fails.
func (d *Daemon) Run(parent context.Context) error {
	d.since = time.Now()
	control, err := listenControl(d.Control)
	if err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var running sync.WaitGroup
	start := func(name string, serve func(context.Context) error) {
		running.Go(func() {
			if err := serve(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("door %s: %w", name, err))
			}
		})
	}
	start("control", func(ctx context.Context) error { return d.serveControl(ctx, control) })
	for _, door := range d.Doors {
		start(door.Name, door.Serve)
	}
	start("clock", func(ctx context.Context) error { return watchClock(ctx, d.Log, d.Lock) })
	start("sleep", func(ctx context.Context) error { return watchSleep(ctx, d.Log, d.Lock) })
	if d.Ready != nil {
		if err := d.Ready(); err != nil {
			cancel(err)
		}
	}
	<-ctx.Done()
	running.Wait()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// ReadyLine is what a program that starts the daemon reads of it.
type ReadyLine struct {
	Ready   bool   `json:"ready"`
	Socket  string `json:"socket,omitempty"`
	TCP     string `json:"tcp,omitempty"`
	PCSC    string `json:"pcsc,omitempty"`
	Control string `json:"control"`
	PID     int    `json:"pid"`
	// Waiting says of a door, by name, what it needs before anybody can come.
	Waiting map[string]string `json:"waiting,omitempty"`
}

// Look returns the doors as they are now.
func (d *Daemon) Look(ctx context.Context) []Door {
	doors := slices.Clone(d.Doors)
	for i := range doors {
		if look := doors[i].Look; look != nil {
			doors[i].Waiting = look(ctx)
		}
	}
	return doors
}

// WriteReady writes the ready line: one line of JSON.
func (d *Daemon) WriteReady(ctx context.Context, w io.Writer) error {
	line := ReadyLine{Ready: true, Control: d.Control, PID: os.Getpid()}
	for _, door := range d.Look(ctx) {
		if door.Waiting != "" {
			if line.Waiting == nil {
				line.Waiting = map[string]string{}
			}
			line.Waiting[door.Name] = door.Waiting
		}
		switch door.Name {
		case "stream":
			line.Socket = door.Address
		case "tcp":
			line.TCP = door.Address
		case "pcsc":
			line.PCSC = door.Address
		}
	}
	if err := json.NewEncoder(w).Encode(line); err != nil {
		return fmt.Errorf("write the ready line: %w", err)
	}
	return nil
}
