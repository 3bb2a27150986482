package hid_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/ctap/hid/hidtest"
)

// A fake answers requests by their first byte, as the cases below say.
type fake struct {
	versions []string
	approve  chan struct{} // lets a waiting request end

	mu     sync.Mutex
	inside map[*ctap.Session]bool
	twice  bool // a session had two requests at once
	ended  int  // requests that ended by their ctx
	closed []*ctap.Session
}

const (
	reqEcho     = 0xE0 // 00, then the request's rest
	reqWait     = 0xE1 // waits for a person: 00, or 2D at the end of ctx
	reqWork     = 0xE2 // works for 250 ms, without a person
	reqStubborn = 0xE3 // works for 250 ms and does not hear of its ctx
)

func newFake() *fake {
	return &fake{
		versions: []string{"FIDO_2_0", "U2F_V2"},
		approve:  make(chan struct{}),
		inside:   make(map[*ctap.Session]bool),
	}
}

func (f *fake) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	f.mu.Lock()
	f.twice = f.twice || f.inside[s]
	f.inside[s] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.inside[s] = false
		if ctx.Err() != nil {
			f.ended++
		}
	}()
	switch req[0] {
	case reqEcho:
		return append([]byte{0}, req[1:]...)
	case reqWait:
		s.SetUserNeeded(true)
		defer s.SetUserNeeded(false)
		select {
		case <-ctx.Done():
			return []byte{0x2D}
		case <-f.approve:
		}
	case reqWork:
		select {
		case <-ctx.Done():
			return []byte{0x2D}
		case <-time.After(250 * time.Millisecond):
		}
	case reqStubborn:
		time.Sleep(250 * time.Millisecond)
	}
	return []byte{0}
}

func (f *fake) ServeU2F(ctx context.Context, s *ctap.Session, apdu []byte) []byte {
	return append(slices.Clone(apdu), 0x90, 0x00)
}

func (f *fake) Versions() []string { return f.versions }

func (f *fake) Closed(s *ctap.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = append(f.closed, s)
}

// cancelled returns how many requests ended by their ctx.
func (f *fake) cancelled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// A wire is a client that writes and reads plain reports.
type wire struct {
	t    *testing.T
	conn io.ReadWriteCloser
	got  chan hid.Report
	done chan error // what Serve returned
	fake *fake
}

// plug serves a fake in a bubble, and unplugs it at the test's end.
func plug(t *testing.T, opts hid.Options, test func(w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		device, client := hidtest.Pipe()
		w := &wire{t: t, conn: client, got: make(chan hid.Report, 1000), done: make(chan error, 1), fake: newFake()}
		go func() { w.done <- hid.Serve(t.Context(), device, w.fake, opts) }()
		go func() {
			defer close(w.got)
			for {
				var r hid.Report
				if _, err := client.Read(r[:]); err != nil {
					return
				}
				w.got <- r
			}
		}()
		test(w)
		client.Close()
		if err := <-w.done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if w.fake.twice {
			t.Error("a session had two requests at once")
		}
	})
}

// report writes one report, given without padding.
func (w *wire) report(channel uint32, rest string) {
	w.t.Helper()
	var r hid.Report
	binary.BigEndian.PutUint32(r[:], channel)
	hex.Decode(r[4:], []byte(rest))
	if _, err := w.conn.Write(r[:]); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) send(channel uint32, cmd hid.Command, data []byte) {
	w.t.Helper()
	m := hid.Message{Channel: channel, Command: cmd, Data: data}
	for r := range m.Reports() {
		if _, err := w.conn.Write(r[:]); err != nil {
			w.t.Fatal(err)
		}
	}
}

// next returns the device's next message; it fails after 20 seconds.
func (w *wire) next() *hid.Message {
	w.t.Helper()
	var a hid.Assembler
	for {
		select {
		case r, ok := <-w.got:
			if !ok {
				w.t.Fatal("the device hung up")
			}
			m, status := a.Add(&r)
			if status != ctap.StatusOK {
				w.t.Fatal(status)
			}
			if m != nil {
				return m
			}
		case <-time.After(20 * time.Second):
			w.t.Fatal("no message")
		}
	}
}

// want checks the device's next message.
func (w *wire) want(channel uint32, cmd hid.Command, data string) {
	w.t.Helper()
	m := w.next()
	if m.Channel != channel || m.Command != cmd || hex.EncodeToString(m.Data) != data {
		w.t.Fatalf("got %08x %02x %x, want %08x %02x %s", m.Channel, m.Command, m.Data, channel, cmd, data)
	}
}

// wantAnswered is want for the reply to reqWait: that the person is no longer
// needed may be told first.
func (w *wire) wantAnswered(channel uint32, data string) {
	w.t.Helper()
	m := w.next()
	if m.Command == hid.CommandKeepalive && m.Data[0] == hid.KeepaliveProcessing {
		m = w.next()
	}
	if m.Channel != channel || m.Command != hid.CommandCBOR || hex.EncodeToString(m.Data) != data {
		w.t.Fatalf("got %08x %02x %x, want %s", m.Channel, m.Command, m.Data, data)
	}
}

// silence checks that the device has nothing to say now.
func (w *wire) silence() {
	w.t.Helper()
	synctest.Wait()
	select {
	case r, ok := <-w.got:
		if ok {
			w.t.Fatalf("unexpected report %x", r)
		}
	default:
	}
}

// init takes a channel.
func (w *wire) init() uint32 {
	w.t.Helper()
	w.send(hid.Broadcast, hid.CommandInit, []byte("12345678"))
	m := w.next()
	if m.Command != hid.CommandInit || len(m.Data) != 17 {
		w.t.Fatalf("INIT: %+v", m)
	}
	return binary.BigEndian.Uint32(m.Data[8:])
}
