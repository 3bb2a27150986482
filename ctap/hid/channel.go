package hid

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// cancelGrace is how long the device has for the reply to a cancelled request.
const cancelGrace = 3 * time.Second

var errReply = errors.New("malformed CTAPHID reply")

// A Channel is a client's end of a connection: one channel of a CTAPHID device
// (§11.2). It is safe for concurrent use; the requests wait for each other.
//
// A request whose ctx ends before the reply has come returns ctx's error. A
// CTAPHID_ERROR is returned as an Error.
type Channel struct {
	// Protocol, Version and Capabilities are what the device told of itself
	// (§11.2.9.1.3).
	Protocol     byte
	Version      [3]byte
	Capabilities byte
	// OnKeepalive, where set before the first request, is called with
	// KEEPALIVE's status from the goroutine of the request that runs.
	OnKeepalive func(status byte)

	conn    io.ReadWriteCloser
	id      atomic.Uint32
	reports chan Report   // those of channel id; closed when conn fails
	failure error         // conn's, once reports is closed
	turn    chan struct{} // held by the request that runs
	stale   bool          // a reply was not waited for; owned by the turn
	closing func()
	closed  chan struct{}
}

// Connect asks the device behind conn for a channel. conn is as Serve wants it;
// it is the Channel's from now on, and closed where Connect fails.
func Connect(ctx context.Context, conn io.ReadWriteCloser) (*Channel, error) {
	c := &Channel{
		conn:    conn,
		reports: make(chan Report, readAhead),
		turn:    make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	c.closing = sync.OnceFunc(func() { close(c.closed) })
	c.id.Store(Broadcast)
	go c.read()
	if err := c.init(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("open CTAPHID channel: %w", err)
	}
	return c, nil
}

// Close hangs up: a request that runs is cancelled and fails.
func (c *Channel) Close() error {
	c.closing()
	return c.conn.Close()
}

// read passes on what the device sends to this channel. A connection can carry
// other clients' reports, which must not pile up.
func (c *Channel) read() {
	defer close(c.reports)
	for {
		var r Report
		n, err := c.conn.Read(r[:])
		if n == ReportSize && r.Channel() == c.id.Load() {
			select {
			case c.reports <- r:
			case <-c.closed:
				c.failure = io.ErrClosedPipe
				return
			}
		}
		if err != nil {
			c.failure = err
			return
		}
	}
}

// CTAP sends a CTAP2 request, command byte first, and returns the reply, status
// byte first. When ctx ends it cancels the request and returns the reply to
// that, as a rule the single byte ErrKeepaliveCancel.
func (c *Channel) CTAP(ctx context.Context, req []byte) (resp []byte, err error) {
	resp, err = c.transact(ctx, CommandCBOR, req)
	if err == nil && len(resp) == 0 {
		err = fmt.Errorf("%w: no status", errReply)
	}
	return resp, err
}

// U2F sends a CTAP1/U2F APDU and returns the reply, SW1 SW2 last.
func (c *Channel) U2F(ctx context.Context, apdu []byte) (resp []byte, err error) {
	resp, err = c.transact(ctx, CommandMsg, apdu)
	if err == nil && len(resp) < 2 {
		err = fmt.Errorf("%w: no status word", errReply)
	}
	return resp, err
}

// Ping has the device echo data, at most ctap.MaxHIDMsgSize bytes.
func (c *Channel) Ping(ctx context.Context, data []byte) error {
	echo, err := c.transact(ctx, CommandPing, data)
	if err == nil && !bytes.Equal(echo, data) {
		err = fmt.Errorf("%w: PING echoed other bytes", errReply)
	}
	return err
}

// Wink has the device draw attention to itself.
func (c *Channel) Wink(ctx context.Context) error {
	_, err := c.transact(ctx, CommandWink, nil)
	return err
}

// Lock keeps the device to this channel for 0 to 10 seconds; 0 releases it.
func (c *Channel) Lock(ctx context.Context, seconds byte) error {
	_, err := c.transact(ctx, CommandLock, []byte{seconds})
	return err
}

func (c *Channel) transact(ctx context.Context, cmd Command, data []byte) ([]byte, error) {
	if len(data) > ctap.MaxHIDMsgSize {
		return nil, Error(ctap.ErrInvalidLength)
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.stale {
		if err := c.init(ctx); err != nil {
			return nil, fmt.Errorf("resynchronize CTAPHID channel: %w", err)
		}
	}
	if err := c.send(cmd, data); err != nil {
		return nil, err
	}
	return c.receive(ctx, cmd)
}

func (c *Channel) send(cmd Command, data []byte) error {
	return write(c.conn, &Message{c.id.Load(), cmd, data})
}

// receive waits for the reply to cmd.
func (c *Channel) receive(ctx context.Context, cmd Command) ([]byte, error) {
	var replies Assembler
	var grace <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case r, ok := <-c.reports:
			if !ok {
				return nil, fmt.Errorf("read report: %w", c.failure)
			}
			m, status := replies.Add(&r)
			if status != ctap.StatusOK {
				c.stale = true
				return nil, fmt.Errorf("%w: %v", errReply, status)
			}
			if resp, ended, err := c.take(m, cmd); ended {
				return resp, err
			}
		case <-done:
			if cmd != CommandCBOR {
				c.stale = true
				return nil, ctx.Err()
			}
			if err := c.send(CommandCancel, nil); err != nil {
				return nil, err
			}
			done, grace = nil, time.After(cancelGrace)
		case <-grace:
			c.stale = true
			return nil, ctx.Err()
		}
	}
}

// take looks at one message from the device, if there is one: whether it ends
// the request.
func (c *Channel) take(m *Message, cmd Command) (resp []byte, ended bool, err error) {
	switch {
	case m == nil:
	case m.Command == cmd:
		return m.Data, true, nil
	case m.Command == CommandError && len(m.Data) == 1:
		return nil, true, Error(m.Data[0])
	case m.Command == CommandKeepalive && len(m.Data) == 1:
		if c.OnKeepalive != nil {
			c.OnKeepalive(m.Data[0])
		}
	}
	return nil, false, nil
}

// init takes a channel, or brings the one it has to rest, and reads what the
// device tells of itself. Replies that do not bear its nonce are another
// client's, or late.
func (c *Channel) init(ctx context.Context) error {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	c.stale = true
	if err := c.send(CommandInit, nonce); err != nil {
		return err
	}
	for {
		data, err := c.receive(ctx, CommandInit)
		if err != nil && !errors.Is(err, errReply) {
			return err
		}
		if len(data) < initReplySize || !bytes.Equal(data[:nonceSize], nonce) {
			continue
		}
		data = data[nonceSize:]
		c.id.Store(binary.BigEndian.Uint32(data))
		c.Protocol, c.Version, c.Capabilities = data[4], [3]byte(data[5:8]), data[8]
		c.stale = false
		return nil
	}
}
