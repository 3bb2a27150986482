package apdu

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// connect opens a Channel to a card with a fake, in a bubble.
func connect(t *testing.T, test func(t *testing.T, c *Channel, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		card := NewCard(f, Options{})
		c, err := Connect(func(apdu []byte) ([]byte, error) { return card.Exchange(t.Context(), apdu), nil })
		if err != nil {
			t.Fatal(err)
		}
		test(t, c, f)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); !errors.Is(err, ctap.SWInsNotSupported) {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestChannel(t *testing.T) {
	connect(t, func(t *testing.T, c *Channel, f *fake) {
		if c.Version != "U2F_V2" {
			t.Errorf("version %q", c.Version)
		}
		for _, c.Short = range []bool{false, true} {
			for _, n := range []int{1, 2, 255, 256, 257, 510, 511, 7000} {
				req := append([]byte{reqEcho}, bytes.Repeat([]byte{byte(n)}, n-1)...)
				resp, err := c.CTAP(t.Context(), req)
				if err != nil || !bytes.Equal(resp[1:], req[1:]) {
					t.Errorf("CTAP of %d bytes: %d bytes, %v", n, len(resp), err)
				}
			}
		}
		long := bytes.Repeat([]byte{9}, 300)
		for _, extended := range []bool{false, true} {
			data := long
			if !extended {
				data = long[:200]
			}
			resp, err := c.U2F(t.Context(), encode(&ctap.APDU{INS: 1, Data: data, Extended: extended}))
			if err != nil || !bytes.Equal(resp, append(slices.Clone(data), 0x90, 0)) {
				t.Errorf("U2F: %x, %v", resp, err)
			}
		}
		if resp, err := c.U2F(t.Context(), []byte{0, 9, 0, 0}); err != nil || !bytes.Equal(resp, []byte{0x6D, 0}) {
			t.Errorf("U2F: %x, %v", resp, err)
		}
		if _, err := c.CTAP(t.Context(), make([]byte, 1<<16)); !errors.Is(err, ctap.SWWrongLength) {
			t.Errorf("CTAP of 64 KiB: %v", err)
		}
	})
}

func TestChannelKeepalive(t *testing.T) {
	connect(t, func(t *testing.T, c *Channel, f *fake) {
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
	connect(t, func(t *testing.T, c *Channel, f *fake) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if resp, err := c.CTAP(ctx, []byte{reqWait}); err != nil || !bytes.Equal(resp, []byte{0x2D}) {
			t.Errorf("cancelled CTAP: %x, %v", resp, err)
		}
		if _, err := c.CTAP(ctx, []byte{reqEcho}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("CTAP after the end of ctx: %v", err)
		}
	})
}

// TestBadCards: a card that answers nonsense, nothing, or 9100 for ever.
func TestBadCards(t *testing.T) {
	errGone := errors.New("card removed")
	for _, tt := range []struct {
		reply []byte
		err   error
		want  error
	}{
		{nil, nil, errReply},
		{[]byte{0x90}, nil, errReply},
		{[]byte{0x90, 0}, nil, errReply}, // no CTAP status
		{[]byte{0x6F, 0}, nil, ctap.SWInternal},
		{append(make([]byte, 256), 0x61, 0), nil, errReply},
		{nil, errGone, errGone},
		{[]byte{1, 0x91, 0}, nil, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c := &Channel{transmit: func([]byte) ([]byte, error) { return tt.reply, tt.err }}
			if _, err := c.CTAP(ctx, []byte{4}); !errors.Is(err, tt.want) {
				t.Errorf("%x: %v, want %v", tt.reply, err, tt.want)
			}
		})
	}
	if _, err := Connect(func([]byte) ([]byte, error) { return []byte{0x6A, 0x82}, nil }); !errors.Is(err, swFileNotFound) {
		t.Errorf("Connect to another card: %v", err)
	}
}
