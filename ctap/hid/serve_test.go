package hid_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/ctap/hid/hidtest"
)

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		name     string
		versions []string
		wink     func()
		caps     string
	}{
		{"U2F and CTAP2", []string{"FIDO_2_0", "U2F_V2"}, nil, "04"},
		{"CTAP2 alone, winks", []string{"FIDO_2_3"}, func() {}, "0d"},
		{"U2F alone", []string{"U2F_V2"}, nil, "00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plug(t, hid.Options{Version: [3]byte{1, 2, 3}, Wink: tt.wink}, func(w *wire) {
				w.fake.versions = tt.versions
				w.send(hid.Broadcast, hid.CommandInit, []byte("abcdefgh"))
				w.want(hid.Broadcast, hid.CommandInit, hex.EncodeToString([]byte("abcdefgh"))+"00000001"+"02"+"010203"+tt.caps)
				w.send(hid.Broadcast, hid.CommandInit, []byte("ijklmnop"))
				w.want(hid.Broadcast, hid.CommandInit, hex.EncodeToString([]byte("ijklmnop"))+"00000002"+"02"+"010203"+tt.caps)
				w.send(1, hid.CommandInit, []byte("qrstuvwx"))
				w.want(1, hid.CommandInit, hex.EncodeToString([]byte("qrstuvwx"))+"00000001"+"02"+"010203"+tt.caps)
			})
		})
	}
}

// TestRefusals: one message or report in, one code out, and the device is idle
// again.
func TestRefusals(t *testing.T) {
	const own, other = 1, 2
	for _, tt := range []struct {
		name    string
		channel uint32
		reports []string // without channel and padding
		code    string   // "" is silence
	}{
		{"INIT with a nonce of 7", hid.Broadcast, []string{"8600070102030405060708"}, "03"},
		{"INIT with a nonce of 9", hid.Broadcast, []string{"860009010203040506070809"}, "03"},
		{"INIT on own channel with a nonce of 7", own, []string{"8600070102030405060708"}, "03"},
		{"PING on the broadcast channel", hid.Broadcast, []string{"810001ff"}, "0b"},
		{"channel 0", 0, []string{"810001ff"}, "0b"},
		{"INIT on channel 0", 0, []string{"8600080102030405060708"}, "0b"},
		{"channel never given out", 77, []string{"810001ff"}, "0b"},
		{"INIT on a channel never given out", 77, []string{"8600080102030405060708"}, "0b"},
		{"unknown command", own, []string{"a20000"}, "01"},
		{"vendor command", own, []string{"c00000"}, "01"},
		{"KEEPALIVE from a client", own, []string{"bb000101"}, "01"},
		{"ERROR from a client", own, []string{"bf000101"}, "01"},
		{"WINK without a lamp", own, []string{"880000"}, "01"},
		{"7610 bytes", own, []string{"811dba"}, "03"},
		{"65535 bytes", own, []string{"90ffff"}, "03"},
		{"empty CBOR", own, []string{"900000"}, "03"},
		{"empty MSG", own, []string{"830000"}, "03"},
		{"LOCK without seconds", own, []string{"840000"}, "03"},
		{"LOCK 11", own, []string{"8400010b"}, "02"},
		{"sequence starts at 1", own, []string{"810080", "01"}, "04"},
		{"sequence skips", own, []string{"8100ff", "00", "02"}, "04"},
		{"sequence repeats", own, []string{"8100ff", "00", "00"}, "04"},
		{"first report amid a message", own, []string{"810080", "810001ff"}, "04"},
		{"stray continuation", own, []string{"00", "7f"}, ""},
		{"continuation of an unknown channel", 77, []string{"00"}, ""},
		{"CANCEL with nothing pending", own, []string{"910000"}, ""},
		{"CANCEL on the broadcast channel", hid.Broadcast, []string{"910000"}, ""},
		{"CANCEL on an unknown channel", 77, []string{"910000"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plug(t, hid.Options{}, func(w *wire) {
				if w.init() != own || w.init() != other {
					t.Fatal("channels are not counted up")
				}
				for _, r := range tt.reports {
					w.report(tt.channel, r)
				}
				if tt.code != "" {
					w.want(tt.channel, hid.CommandError, tt.code)
				}
				w.silence()
				time.Sleep(time.Second)
				w.silence()
				w.send(other, hid.CommandPing, []byte{1, 2})
				w.want(other, hid.CommandPing, "0102")
			})
		})
	}
}

func TestPing(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		for _, n := range []int{0, 1, 57, 58, 116, 117, 7608, 7609} {
			data := bytes.Repeat([]byte{0xA5}, n)
			w.send(id, hid.CommandPing, data)
			w.want(id, hid.CommandPing, hex.EncodeToString(data))
		}
	})
}

func TestRequests(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		w.send(id, hid.CommandCBOR, append([]byte{reqEcho}, bytes.Repeat([]byte{7}, 1000)...))
		w.want(id, hid.CommandCBOR, "00"+hex.EncodeToString(bytes.Repeat([]byte{7}, 1000)))
		w.send(id, hid.CommandMsg, []byte{0, 3, 0, 0})
		w.want(id, hid.CommandMsg, "000300009000")
	})
}

// TestReplyTooLong: what no message can hold is the device's failure.
func TestReplyTooLong(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		w.send(id, hid.CommandMsg, make([]byte, 7608))
		w.want(id, hid.CommandError, "7f")
	})
}

func TestStalledMessage(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		own, other := w.init(), w.init()
		w.report(own, "8100ff")
		time.Sleep(400 * time.Millisecond)
		w.report(own, "00")
		time.Sleep(400 * time.Millisecond)
		w.report(other, "810001ff") // does not keep own's message alive
		w.want(other, hid.CommandError, "06")
		w.report(other, "01")
		time.Sleep(99 * time.Millisecond)
		w.silence()
		time.Sleep(2 * time.Millisecond)
		w.want(own, hid.CommandError, "05")
		w.report(own, "01")
		w.silence()
		w.send(other, hid.CommandPing, []byte{9})
		w.want(other, hid.CommandPing, "09")
	})
}

func TestBusy(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		own, other := w.init(), w.init()

		w.report(own, "810040")
		w.send(other, hid.CommandPing, make([]byte, 200))
		w.want(other, hid.CommandError, "06")
		third := w.init() // amid own's message
		w.report(own, "00")
		w.want(own, hid.CommandPing, hex.EncodeToString(make([]byte, 64)))

		w.send(own, hid.CommandCBOR, []byte{reqWait})
		w.want(own, hid.CommandKeepalive, "02")
		w.send(other, hid.CommandCBOR, []byte{reqEcho})
		w.want(other, hid.CommandError, "06")
		w.send(third, hid.CommandInit, []byte("12345678"))
		w.want(third, hid.CommandError, "06")
		w.send(own, hid.CommandPing, []byte{1})
		w.want(own, hid.CommandError, "06")
		w.send(other, hid.CommandCancel, nil)
		w.init()
		w.silence()
		w.fake.approve <- struct{}{}
		w.wantAnswered(own, "00")
	})
}

func TestKeepalive(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		start := time.Now()
		at := func(d time.Duration, data string) {
			t.Helper()
			w.want(id, hid.CommandKeepalive, data)
			if got := time.Since(start); got != d {
				t.Errorf("KEEPALIVE after %v, want %v", got, d)
			}
		}
		w.send(id, hid.CommandCBOR, []byte{reqWork})
		at(100*time.Millisecond, "01")
		at(200*time.Millisecond, "01")
		w.want(id, hid.CommandCBOR, "00")
		time.Sleep(time.Second)
		w.silence()

		start = time.Now()
		w.send(id, hid.CommandCBOR, []byte{reqWait})
		at(0, "02")
		for i := range 5 {
			at(time.Duration(i+1)*100*time.Millisecond, "02")
		}
		w.fake.approve <- struct{}{}
		w.wantAnswered(id, "00")

		w.send(id, hid.CommandCBOR, []byte{reqEcho})
		w.want(id, hid.CommandCBOR, "00")
		w.silence()
	})
}

func TestCancel(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id, other := w.init(), w.init()
		w.send(id, hid.CommandCBOR, []byte{reqWait})
		w.want(id, hid.CommandKeepalive, "02")
		w.send(other, hid.CommandCancel, nil) // is not the owner's
		w.silence()
		w.send(id, hid.CommandCancel, nil)
		w.send(id, hid.CommandCancel, nil)
		w.wantAnswered(id, "2d")
		time.Sleep(time.Second)
		w.silence()

		w.report(id, "810040") // CANCEL amid a message leaves it alone
		w.send(id, hid.CommandCancel, nil)
		w.report(id, "00")
		w.want(id, hid.CommandPing, hex.EncodeToString(make([]byte, 64)))
	})
}

// TestResync: INIT on the busy channel aborts, and the next request waits until
// the one before has left the handler.
func TestResync(t *testing.T) {
	for _, req := range []byte{reqWait, reqWork, reqStubborn} {
		plug(t, hid.Options{}, func(w *wire) {
			id := w.init()
			w.send(id, hid.CommandCBOR, []byte{req})
			if req == reqWait {
				w.want(id, hid.CommandKeepalive, "02")
			}
			w.send(id, hid.CommandInit, []byte("abcdefgh"))
			if m := w.next(); m.Channel != id || m.Command != hid.CommandInit {
				t.Fatalf("INIT: %+v", m)
			}
			w.silence()
			if w.fake.cancelled() != 1 && req != reqStubborn {
				t.Error("the request was not aborted")
			}
			w.send(id, hid.CommandCBOR, []byte{reqEcho, 5})
			for m := w.next(); m.Command != hid.CommandCBOR || !bytes.Equal(m.Data, []byte{0, 5}); m = w.next() {
				if m.Command != hid.CommandKeepalive {
					t.Fatalf("got %+v", m)
				}
			}
			time.Sleep(time.Second)
			w.silence()
		})
	}
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		w.report(id, "8100ff")
		w.send(id, hid.CommandInit, []byte("abcdefgh"))
		w.next()
		time.Sleep(time.Second)
		w.silence()
	})
}

// TestResyncFlood: requests given up one after the other do not pile up behind
// one that does not end.
func TestResyncFlood(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		id := w.init()
		w.send(id, hid.CommandCBOR, []byte{reqStubborn})
		before := runtime.NumGoroutine()
		for range 1000 {
			w.send(id, hid.CommandInit, []byte("abcdefgh"))
			w.next()
			w.send(id, hid.CommandCBOR, []byte{reqEcho, 6})
		}
		if n := runtime.NumGoroutine(); n > before+10 {
			t.Errorf("%d goroutines, %d before", n, before)
		}
		for m := w.next(); m.Command != hid.CommandCBOR; m = w.next() {
		}
	})
}

func TestLock(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		own, other := w.init(), w.init()
		w.send(own, hid.CommandLock, []byte{5})
		w.want(own, hid.CommandLock, "")
		w.send(own, hid.CommandPing, []byte{1})
		w.want(own, hid.CommandPing, "01")
		time.Sleep(4999 * time.Millisecond)
		w.send(other, hid.CommandPing, []byte{2})
		w.want(other, hid.CommandError, "06")
		w.send(other, hid.CommandLock, []byte{0})
		w.want(other, hid.CommandError, "06")
		w.send(hid.Broadcast, hid.CommandInit, []byte("12345678"))
		w.want(hid.Broadcast, hid.CommandError, "06")
		time.Sleep(2 * time.Millisecond)
		w.send(other, hid.CommandPing, []byte{2})
		w.want(other, hid.CommandPing, "02")

		w.send(own, hid.CommandLock, []byte{10})
		w.want(own, hid.CommandLock, "")
		w.send(own, hid.CommandLock, []byte{0})
		w.want(own, hid.CommandLock, "")
		w.send(other, hid.CommandPing, []byte{3})
		w.want(other, hid.CommandPing, "03")
	})
}

func TestWink(t *testing.T) {
	winks := 0
	plug(t, hid.Options{Wink: func() { winks++ }}, func(w *wire) {
		id := w.init()
		w.send(id, hid.CommandWink, nil)
		w.want(id, hid.CommandWink, "")
		w.send(id, hid.CommandWink, []byte{1})
		w.want(id, hid.CommandError, "03")
	})
	if winks != 1 {
		t.Errorf("winked %d times", winks)
	}
}

// TestHangUp: a client that goes takes its request and its sessions along.
func TestHangUp(t *testing.T) {
	var f *fake
	plug(t, hid.Options{}, func(w *wire) {
		f = w.fake
		id := w.init()
		w.init()
		w.send(id, hid.CommandCBOR, []byte{reqWait})
		w.want(id, hid.CommandKeepalive, "02")
	})
	if f.cancelled() != 1 || len(f.closed) != 2 || f.closed[0] == f.closed[1] {
		t.Errorf("%d requests ended, sessions closed: %v", f.cancelled(), f.closed)
	}
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, client := hidtest.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- hid.Serve(ctx, device, newFake(), hid.Options{}) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
		if _, err := client.Write(make([]byte, hid.ReportSize)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Write after the end: %v", err)
		}
	})
}

// TestSession: what the options say reaches the handler.
func TestSession(t *testing.T) {
	peer := &ctap.Peer{UID: 1, PID: 2, Program: "p"}
	for _, tt := range []struct {
		opts, want hid.Options
	}{
		{hid.Options{}, hid.Options{Transport: "usb", MaxMsgSize: 7609}},
		{hid.Options{Transport: "internal", Door: "pipe", MaxMsgSize: 1200, Peer: peer}, hid.Options{Transport: "internal", Door: "pipe", MaxMsgSize: 1200, Peer: peer}},
	} {
		var f *fake
		plug(t, tt.opts, func(w *wire) {
			f = w.fake
			w.init()
		})
		s := f.closed[0]
		if s.Transport != tt.want.Transport || s.Door != tt.want.Door || s.MaxMsgSize != tt.want.MaxMsgSize || s.Peer != tt.want.Peer {
			t.Errorf("session %+v, want %+v", s, tt.want)
		}
	}
}

// TestChannelFlood: the channel longest unused makes room, never the one that
// owns the device, and memory does not grow.
func TestChannelFlood(t *testing.T) {
	plug(t, hid.Options{}, func(w *wire) {
		owner, idle := w.init(), w.init()
		w.send(owner, hid.CommandLock, []byte{1})
		w.want(owner, hid.CommandLock, "")
		time.Sleep(1001 * time.Millisecond)
		w.send(owner, hid.CommandCBOR, []byte{reqWait})
		w.want(owner, hid.CommandKeepalive, "02")
		for range 300 {
			w.init()
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 10000 {
			w.init()
		}
		w.fake.mu.Lock()
		closed := len(w.fake.closed)
		w.fake.closed = nil
		w.fake.mu.Unlock()
		if closed < 10000 {
			t.Errorf("%d sessions closed", closed)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
			t.Errorf("heap grew by %d bytes", grown)
		}
		w.send(idle, hid.CommandPing, nil)
		w.want(idle, hid.CommandError, "0b")
		w.fake.approve <- struct{}{}
		w.wantAnswered(owner, "00")
	})
}

// FuzzServe: whatever comes in, Serve returns at EOF, a reply goes to a channel
// that was spoken to, no session has two requests, and every session ends.
func FuzzServe(f *testing.F) {
	seed := func(reports ...string) {
		var all []byte
		for _, s := range reports {
			b, _ := hex.DecodeString(s)
			var r hid.Report
			copy(r[:], b)
			all = append(all, r[:]...)
		}
		f.Add(all)
	}
	seed("ffffffff8600083132333435363738", "00000001900001e0")
	seed("ffffffff8600083132333435363738", "00000001900001e1", "00000001910000", "00000001900001e2")
	seed("ffffffff8600083132333435363738", "00000001900001e3", "000000018600083132333435363738", "00000001900001e0")
	seed("ffffffff8600083132333435363738", "000000018100ff", "00000001", "0000000102", "00000002810001ff")
	seed("ffffffff8600083132333435363738", "0000000184000105", "ffffffff8600083132333435363738")
	f.Fuzz(func(t *testing.T, data []byte) {
		spoken := map[uint32]bool{}
		var fk *fake
		plug(t, hid.Options{}, func(w *wire) {
			fk = w.fake
			for chunk := range slices.Chunk(data, hid.ReportSize) {
				var r hid.Report
				copy(r[:], chunk)
				spoken[r.Channel()] = true
				if _, err := w.conn.Write(r[:]); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for len(w.got) > 0 {
					if r := <-w.got; !spoken[r.Channel()] {
						t.Fatalf("report for a silent channel: %x", r)
					}
				}
			}
		})
		if len(fk.inside) > 0 {
			for s, inside := range fk.inside {
				if inside || !slices.Contains(fk.closed, s) {
					t.Error("a session did not end")
				}
			}
		}
	})
}
