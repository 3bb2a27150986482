package apdu

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// A fake answers requests by their first byte.
type fake struct {
	versions []string
	approve  chan struct{}
	u2f      []byte // the APDU that came last

	mu        sync.Mutex
	sessions  map[*ctap.Session]int // requests inside
	cancelled int
	closed    int
}

const (
	reqEcho = 0xE0 // 00, then the request's rest
	reqWait = 0xE1 // waits for a person: 00, or 2D at the end of ctx
	reqWork = 0xE2 // works for 250 ms, without a person
)

func newFake() *fake {
	return &fake{versions: []string{"FIDO_2_3", "FIDO_2_0", "U2F_V2"}, approve: make(chan struct{}), sessions: map[*ctap.Session]int{}}
}

func (f *fake) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	f.mu.Lock()
	f.sessions[s]++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sessions[s]--
	}()
	if len(req) == 0 {
		return []byte{1}
	}
	switch req[0] {
	case reqEcho:
		return append([]byte{0}, req[1:]...)
	case reqWait:
		s.SetUserNeeded(true)
		defer s.SetUserNeeded(false)
		select {
		case <-ctx.Done():
			f.mu.Lock()
			defer f.mu.Unlock()
			f.cancelled++
			return []byte{0x2D}
		case <-f.approve:
		}
	case reqWork:
		time.Sleep(250 * time.Millisecond)
	}
	return []byte{0}
}

func (f *fake) ServeU2F(ctx context.Context, s *ctap.Session, apdu []byte) []byte {
	f.u2f = slices.Clone(apdu)
	cmd, err := ctap.ParseAPDU(apdu)
	if err != nil {
		return ctap.SWWrongLength.Append(nil)
	}
	if cmd.INS != ctap.U2FRegister {
		return ctap.SWInsNotSupported.Append(nil)
	}
	return ctap.SWNoError.Append(slices.Clone(cmd.Data))
}

func (f *fake) Versions() []string { return f.versions }

func (f *fake) Closed(s *ctap.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

const selectFIDO = "00a4040008a0000006472f0001"

// exchange checks a script of command and response APDUs, in hexadecimal with
// spaces allowed.
func exchange(t *testing.T, c *Card, script ...string) {
	t.Helper()
	for i := 0; i+1 < len(script); i += 2 {
		cmd, err := hex.DecodeString(strings.ReplaceAll(script[i], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := hex.EncodeToString(c.Exchange(t.Context(), cmd))
		if want := strings.ReplaceAll(script[i+1], " ", ""); got != want {
			t.Fatalf("step %d: %s: got %s, want %s", i/2, script[i], got, want)
		}
	}
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// TestCard: each script runs on a card of its own.
func TestCard(t *testing.T) {
	const u2f, fido2 = "5532465f5632 9000", "4649444f5f325f30 9000"
	for _, tt := range []struct {
		name   string
		script []string
	}{
		{"SELECT", []string{selectFIDO, u2f}},
		{"SELECT with Le", []string{selectFIDO + "00", u2f}},
		{"SELECT, extended", []string{"00a40400 000008 a0000006472f0001", u2f}},
		{"SELECT by another way", []string{"00a4000c 02 3f00", "6a86"}},
		{"another applet", []string{"00a40400 05 a000000308", "6a82", selectFIDO, u2f, "00a40400 05 a000000308", "6a82", "80100000 01 e0", "00 9000"}},
		{"before SELECT", []string{"80100000 01 e0", "6d00", "80110000", "6d00", "80120100", "6d00", "00030000", "6d00", "00c00000", "6985"}},
		{"malformed", []string{"", "6700", "00a404", "6700", "00a40400 08 a0", "6700", "80100000 02 01", "6700"}},
		{"unknown class", []string{selectFIDO, u2f, "01030000", "6e00", "ff000000", "6e00"}},
		{"unknown instruction", []string{selectFIDO, u2f, "80ff0000", "6d00", "00090000", "6d00"}},

		{"message", []string{selectFIDO, u2f, "80100000 03 e0aabb", "00aabb 9000", "80100000 03 e0aabb 00", "00aabb 9000", "80100000 000003 e0aabb 0000", "00aabb 9000"}},
		{"empty message", []string{selectFIDO, u2f, "80100000", "01 9000", "80108000", "01 9000"}},
		{"message's P1, P2", []string{selectFIDO, u2f, "80100100 01 e0", "6a86", "80100001 01 e0", "6a86"}},
		{"end", []string{selectFIDO, u2f, "80120000", "6a86", "80120100", "9000", "80100000 01 e0", "6d00", selectFIDO, u2f}},
		{"nothing to poll for", []string{selectFIDO, u2f, "80110000", "6985", "80111100", "6985"}},

		{"chain", []string{selectFIDO, u2f, "90100000 02 e0aa", "9000", "90100000 01 bb", "9000", "80100000 01 cc 00", "00aabbcc 9000", "80100000 01 e0", "00 9000"}},
		{"broken chain", []string{selectFIDO, u2f, "90100000 02 e0aa", "9000", "80110000", "6985", "80100000 02 e0cc", "00cc 9000"}},
		{"chain of another kind", []string{selectFIDO, u2f, "90100000 02 e0aa", "9000", "10010000 01 bb", "9000", "00010000 01 cc", "bbcc 9000"}},

		{"short replies", []string{selectFIDO, u2f,
			"90100000 ff e0" + repeat("11", 254), "9000",
			"90100000 ff" + repeat("22", 255), "9000",
			"80100000 30" + repeat("33", 48) + "00", "00" + repeat("11", 254) + "22 6100",
			"00c0000000", repeat("22", 254) + "3333 612e",
			"80c000002e", repeat("33", 46) + "9000",
			"00c0000000", "6985"}},
		{"GET RESPONSE by bytes", []string{selectFIDO, u2f, "80100000 05 e001020304 02", "0001 6103", "00c0000001", "02 6102", "00c00000", "0304 9000"}},
		{"reply forgotten", []string{selectFIDO, u2f, "80100000 05 e001020304 02", "0001 6103", "80110000", "6985", "00c0000003", "6985"}},
		{"one extended reply", []string{selectFIDO, u2f, "80100000 000190 e0" + repeat("44", 399) + "0000", "00" + repeat("44", 399) + "9000", "80100000 000190 e0" + repeat("44", 399), "00" + repeat("44", 399) + "9000"}},
		{"U2F", []string{selectFIDO, u2f, "00010300 02 aabb", "aabb 9000", "00010300 000002 aabb 0000", "aabb 9000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			exchange(t, NewCard(f, Options{}), tt.script...)
		})
	}
	t.Run("without U2F", func(t *testing.T) {
		f := newFake()
		f.versions = f.versions[:2]
		exchange(t, NewCard(f, Options{}), selectFIDO, fido2)
	})
}

// TestU2FAPDU: the handler gets a U2F command as it came, or a chain's whole.
func TestU2FAPDU(t *testing.T) {
	f := newFake()
	c := NewCard(f, Options{})
	exchange(t, c, selectFIDO, "5532465f56329000", "00010300 02 aabb 05", "aabb9000")
	if !bytes.Equal(f.u2f, []byte{0, 1, 3, 0, 2, 0xAA, 0xBB, 5}) {
		t.Errorf("got %x", f.u2f)
	}
	exchange(t, c, "10010300 ff"+repeat("11", 255), "9000", "00010300 01 22 01", "11 61ff")
	if want := "00010300000100" + repeat("11", 255) + "220000"; hex.EncodeToString(f.u2f) != want {
		t.Errorf("got %x", f.u2f)
	}
}

// TestLongChain: what no command can hold is refused and forgotten.
func TestLongChain(t *testing.T) {
	f := newFake()
	c := NewCard(f, Options{})
	exchange(t, c, selectFIDO, "5532465f56329000")
	piece := "90100000 ff" + repeat("e0", 255)
	for range 257 {
		exchange(t, c, piece, "9000")
	}
	exchange(t, c, "80100000 01 00", "6700", "80100000 01 e0", "009000")
	for range 257 {
		exchange(t, c, piece, "9000")
	}
	exchange(t, c, piece, "6700", "80100000 01 e0", "009000")
}

// TestDeferred walks the drawing's right half, with its times.
func TestDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := NewCard(f, Options{})
		exchange(t, c, selectFIDO, "5532465f56329000")

		start := time.Now()
		exchange(t, c, "80108000 01 e2", "01 9100", "80110000", "01 9100", "80110000", "00 9000", "80110000", "6985")
		if d := time.Since(start); d != 250*time.Millisecond {
			t.Errorf("took %v", d)
		}

		start = time.Now()
		exchange(t, c, "80108000 01 e1", "02 9100")
		if d := time.Since(start); d != 0 {
			t.Errorf("a person is needed: told after %v", d)
		}
		exchange(t, c, "80110000", "02 9100", "80110100", "6a86", "80110000 00", "02 9100")
		go func() { f.approve <- struct{}{} }()
		exchange(t, c, "80110000", "00 9000")

		exchange(t, c, "80108000 01 e1", "02 9100", "80111100", "2d 9000", "80111100", "6985")
		exchange(t, c, "80108000 01 e1", "02 9100", "80100000 02 e0aa", "00aa 9000", "80110000", "6985") // another command
		exchange(t, c, "80108000 01 e1", "02 9100", selectFIDO, "5532465f56329000", "80110000", "6985")
		exchange(t, c, "80108000 01 e1", "02 9100", "80120100", "9000")
		if f.cancelled != 4 || f.closed != 2 {
			t.Errorf("%d cancelled, %d sessions closed", f.cancelled, f.closed)
		}
		exchange(t, c, selectFIDO, "5532465f56329000", "80108000 01 e1", "02 9100")
		c.Reset()
		if f.cancelled != 5 || f.closed != 3 {
			t.Errorf("%d cancelled, %d sessions closed", f.cancelled, f.closed)
		}
		exchange(t, c, "80110000", "6d00")
	})
}

// TestBlocked: without P1 80h there is no 9100; the call waits, and ends with
// ctx.
func TestBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := NewCard(f, Options{})
		exchange(t, c, selectFIDO, "5532465f56329000", "80100000 01 e2", "00 9000")
		go func() {
			time.Sleep(20 * time.Second)
			f.approve <- struct{}{}
		}()
		exchange(t, c, "80100000 01 e1", "00 9000")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := c.Exchange(ctx, []byte{0x80, 0x10, 0, 0, 1, reqWait}); !bytes.Equal(got, []byte{0x2D, 0x90, 0}) {
			t.Errorf("cancelled: %x", got)
		}
	})
}

func TestSession(t *testing.T) {
	peer := &ctap.Peer{PID: 1}
	for _, tt := range []struct{ opts, want Options }{
		{Options{}, Options{Transport: "smart-card"}},
		{Options{Transport: "nfc", Door: "reader", MaxMsgSize: 2000, Peer: peer}, Options{Transport: "nfc", Door: "reader", MaxMsgSize: 2000, Peer: peer}},
	} {
		f := newFake()
		exchange(t, NewCard(f, tt.opts), selectFIDO, "5532465f56329000", "80100000 01 e0", "009000")
		for s := range f.sessions {
			if got := (Options{s.Transport, s.Door, s.MaxMsgSize, s.Peer}); got != tt.want {
				t.Errorf("session %+v, want %+v", got, tt.want)
			}
		}
	}
}

// FuzzExchange: any commands get responses that end with a status word and fit
// what was asked for; at the end no request is left and every session is closed.
func FuzzExchange(f *testing.F) {
	add := func(cmds ...string) {
		var all []byte
		for _, s := range cmds {
			b, _ := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
			all = append(append(all, byte(len(b))), b...)
		}
		f.Add(all)
	}
	add(selectFIDO, "80108000 01 e1", "80110000", "80111100")
	add(selectFIDO, "80108000 01 e2", "80100000 05 e001020304 02", "00c0000001", "80120100")
	add(selectFIDO, "90100000 02 e0aa", "80100000 01 cc 00", "00010300 000002 aabb 0000")
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			fk := newFake()
			c := NewCard(fk, Options{})
			for len(data) > 0 {
				n := min(int(data[0]), len(data)-1)
				cmd := data[1 : 1+n]
				data = data[1+n:]
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				reply := c.Exchange(ctx, slices.Clone(cmd))
				cancel()
				room := 256
				if a, err := ctap.ParseAPDU(cmd); err == nil && a.Le > 0 {
					room = a.Le
				} else if err == nil && a.Extended {
					room = 65536
				}
				if len(reply) < 2 || len(reply) > room+2 {
					t.Fatalf("%x: reply %x", cmd, reply)
				}
			}
			c.Reset()
			for _, inside := range fk.sessions {
				if inside != 0 {
					t.Error("a request outlives the card")
				}
			}
			if fk.closed < len(fk.sessions) {
				t.Errorf("%d sessions, %d closed", len(fk.sessions), fk.closed)
			}
		})
	})
}
