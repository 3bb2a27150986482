package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// An Opener connects to a TPM. It is called again when the connection broke.
type Opener func() (transport.TPMCloser, error)

// chip owns the connection to a TPM. One goroutine sends all commands: callers
// give up at their deadline, the command that is under way is finished.
type chip struct {
	open    Opener
	jobs    chan func()
	closing chan struct{}
	closed  chan struct{} // the worker has ended

	tpm transport.TPMCloser // the worker's; nil: to be opened
}

func newChip(open Opener) *chip {
	c := &chip{open: open, jobs: make(chan func()), closing: make(chan struct{}), closed: make(chan struct{})}
	go c.work()
	return c
}

func (c *chip) work() {
	defer close(c.closed)
	for {
		select {
		case job := <-c.jobs:
			job()
		case <-c.closing:
			c.disconnect()
			return
		}
	}
}

// close waits for the command that is under way, and disconnects.
func (c *chip) close() {
	close(c.closing)
	<-c.closed
}

// do runs f on the chip's worker and returns its result, or ctx's error as soon
// as it ends; f then runs on, and its result goes to discard.
func do[T any](ctx context.Context, c *chip, f func(t transport.TPM) (T, error), discard func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	results := make(chan result)
	job := func() {
		var r result
		if r.err = ctx.Err(); r.err == nil {
			r.value, r.err = f(c)
			r.err = explain(r.err)
		}
		select {
		case results <- r:
		case <-ctx.Done():
			if r.err == nil && discard != nil {
				discard(r.value)
			}
		}
	}
	select {
	case <-c.closing: // first, for a chip that is closed takes no job
		return none, fs.ErrClosed
	default:
	}
	select {
	case c.jobs <- job:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.closing:
		return none, fs.ErrClosed
	}
	select {
	case r := <-results:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// run is do without a result.
func (c *chip) run(ctx context.Context, f func(t transport.TPM) error) error {
	_, err := do(ctx, c, func(t transport.TPM) (struct{}, error) { return struct{}{}, f(t) }, nil)
	return err
}

// passing are the answers of a TPM that asks for the same command again.
var passing = []tpm2.TPMRC{tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate}

// A command that the TPM puts off is sent again after these, doubling, times.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 500 * time.Millisecond
	patience     = 10 * time.Second // for what passes by itself
	shortage     = time.Second      // for what others have to free
)

// Send implements transport.TPM on the worker's goroutine. A command whose
// answer is lost is not sent again: it may have been a try.
func (c *chip) Send(command []byte) ([]byte, error) {
	pause, waited := firstPause, time.Duration(0)
	for {
		response, err := c.send(command)
		if err != nil {
			return nil, err
		}
		code := responseCode(response)
		limit := time.Duration(0)
		switch {
		case slices.Contains(passing, code):
			limit = patience
		case slices.Contains(exhausted, code):
			limit = shortage
		}
		if waited >= limit {
			return response, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-c.closing:
			timer.Stop()
			return response, nil
		}
		waited += pause
		pause = min(2*pause, longestPause)
	}
}

func (c *chip) send(command []byte) ([]byte, error) {
	if c.tpm == nil {
		t, err := c.open()
		if err != nil {
			return nil, explainOpen(err)
		}
		c.tpm = t
	}
	response, err := c.tpm.Send(command)
	if err == nil && len(response) < responseHeader {
		err = fmt.Errorf("response of %d bytes", len(response))
	}
	if err != nil {
		c.disconnect()
		if dial := new(net.OpError); errors.As(err, &dial) && dial.Op == "dial" {
			return nil, explainOpen(err)
		}
		return nil, fmt.Errorf("%w: %w", ErrInterrupted, err)
	}
	return response, nil
}

// disconnect closes the connection; a resource manager then flushes what was
// left loaded on it.
func (c *chip) disconnect() {
	if c.tpm != nil {
		c.tpm.Close()
		c.tpm = nil
	}
}

// responseHeader is the tag, the size and the response code.
const responseHeader = 10

func responseCode(response []byte) tpm2.TPMRC {
	return tpm2.TPMRC(binary.BigEndian.Uint32(response[6:]))
}

// lost tells whether an error leaves open what the TPM did.
func lost(err error) bool { return errors.Is(err, ErrInterrupted) }
