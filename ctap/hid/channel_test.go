package hid_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/ctap/hid/hidtest"
)

// connect serves a fake in a bubble and opens a Channel to it.
func connect(t *testing.T, opts hid.Options, test func(t *testing.T, c *hid.Channel, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		device, client := hidtest.Pipe()
		f := newFake()
		done := make(chan error, 1)
		go func() { done <- hid.Serve(t.Context(), device, f, opts) }()
		c, err := hid.Connect(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		test(t, c, f)
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := c.CTAP(t.Context(), []byte{reqEcho}); err == nil {
			t.Error("a closed channel answers")
		}
	})
}

func TestChannel(t *testing.T) {
	connect(t, hid.Options{Version: [3]byte{1, 2, 3}, Wink: func() {}}, func(t *testing.T, c *hid.Channel, f *fake) {
		ctx := t.Context()
		if c.Protocol != 2 || c.Version != [3]byte{1, 2, 3} || c.Capabilities != hid.CapabilityWink|hid.CapabilityCBOR {
			t.Errorf("device is %d %v %x", c.Protocol, c.Version, c.Capabilities)
		}
		long := bytes.Repeat([]byte{3}, 7000)
		if resp, err := c.CTAP(ctx, append([]byte{reqEcho}, long...)); err != nil || !bytes.Equal(resp[1:], long) {
			t.Errorf("CTAP: %x, %v", resp, err)
		}
		if resp, err := c.U2F(ctx, []byte{0, 3, 0, 0}); err != nil || !bytes.Equal(resp, []byte{0, 3, 0, 0, 0x90, 0}) {
			t.Errorf("U2F: %x, %v", resp, err)
		}
		if err := errors.Join(c.Ping(ctx, long), c.Wink(ctx), c.Lock(ctx, 3), c.Lock(ctx, 0)); err != nil {
			t.Error(err)
		}
		if err := c.Lock(ctx, 11); !errors.Is(err, hid.Error(ctap.ErrInvalidParameter)) || ctap.StatusOf(err) != ctap.ErrInvalidParameter {
			t.Errorf("Lock(11): %v", err)
		}
		if _, err := c.CTAP(ctx, make([]byte, 7610)); !errors.Is(err, hid.Error(ctap.ErrInvalidLength)) {
			t.Errorf("7610 bytes: %v", err)
		}
	})
}

func TestChannelKeepalive(t *testing.T) {
	connect(t, hid.Options{}, func(t *testing.T, c *hid.Channel, f *fake) {
		var seen []byte
		c.OnKeepalive = func(status byte) { seen = append(seen, status) }
		if resp, err := c.CTAP(t.Context(), []byte{reqWork}); err != nil || !bytes.Equal(resp, []byte{0}) {
			t.Errorf("CTAP: %x, %v", resp, err)
		}
		if !slices.Equal(seen, []byte{1, 1}) {
			t.Errorf("keepalives %x", seen)
		}
	})
}

func TestChannelCancel(t *testing.T) {
	connect(t, hid.Options{}, func(t *testing.T, c *hid.Channel, f *fake) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if resp, err := c.CTAP(ctx, []byte{reqWait}); err != nil || !bytes.Equal(resp, []byte{0x2D}) {
			t.Errorf("cancelled CTAP: %x, %v", resp, err)
		}
		if _, err := c.CTAP(ctx, []byte{reqEcho}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("CTAP after the end of ctx: %v", err)
		}
		if resp, err := c.CTAP(t.Context(), []byte{reqEcho, 4}); err != nil || !bytes.Equal(resp, []byte{0, 4}) {
			t.Errorf("CTAP: %x, %v", resp, err)
		}
	})
}

// TestChannelTurn: requests of several goroutines wait for each other, not
// longer than their ctx.
func TestChannelTurn(t *testing.T) {
	connect(t, hid.Options{}, func(t *testing.T, c *hid.Channel, f *fake) {
		done := make(chan error)
		go func() {
			_, err := c.CTAP(t.Context(), []byte{reqWait})
			done <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.CTAP(ctx, []byte{reqEcho}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("CTAP behind another: %v", err)
		}
		f.approve <- struct{}{}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestChannelMute: a device that never answers does not hold the caller, and
// its late answers are not taken for another request's.
func TestChannelMute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, client := hidtest.Pipe()
		defer client.Close()
		answer := func(channel uint32, cmd hid.Command, data []byte) {
			m := hid.Message{Channel: channel, Command: cmd, Data: data}
			for r := range m.Reports() {
				device.Write(r[:])
			}
		}
		var requests [][]byte
		go func() {
			for {
				var r hid.Report
				if _, err := device.Read(r[:]); err != nil {
					return
				}
				switch r.Command() {
				case hid.CommandInit:
					if len(requests) > 0 {
						answer(7, hid.CommandCBOR, []byte{0, 'l', 'a', 't', 'e'})
					}
					answer(hid.Broadcast, hid.CommandInit, append([]byte("otherone"), 0, 0, 0, 9, 2, 0, 0, 0, 0))
					answer(r.Channel(), hid.CommandInit, append(slices.Clone(r[7:15]), 0, 0, 0, 7, 2, 0, 0, 0, 4))
				case hid.CommandCBOR:
					requests = append(requests, slices.Clone(r[7:9]))
					if r[8] != 1 {
						answer(9, hid.CommandCBOR, []byte{0, 'f', 'o', 'r', 'e', 'i', 'g', 'n'})
						answer(7, hid.CommandCBOR, []byte{0, r[8]})
					}
				}
			}
		}()
		c, err := hid.Connect(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.CTAP(ctx, []byte{4, 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("CTAP: %v", err)
		}
		if d := time.Since(start); d != 4*time.Second {
			t.Errorf("gave up after %v", d)
		}
		if resp, err := c.CTAP(t.Context(), []byte{4, 2}); err != nil || !bytes.Equal(resp, []byte{0, 2}) {
			t.Errorf("CTAP: %x, %v", resp, err)
		}
	})
}

func TestConnectFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, client := hidtest.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := hid.Connect(ctx, client); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connect to a mute device: %v", err)
		}
		if _, err := io.Copy(io.Discard, reader{device}); err != nil {
			t.Errorf("the connection is not closed: %v", err)
		}
		_, client = hidtest.Pipe()
		client.Close()
		if _, err := hid.Connect(t.Context(), client); err == nil {
			t.Error("Connect on a closed connection succeeds")
		}
	})
}

type reader struct{ io.Reader }
