package apdu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

const (
	// pollInterval is how long the client waits between two questions for a
	// deferred reply.
	pollInterval = 20 * time.Millisecond
	// cancelGrace is how long the card has for the reply to a cancelled
	// request.
	cancelGrace = 3 * time.Second
	// maxShort is the most data in bytes of a short command.
	maxShort = 255
)

var errReply = errors.New("malformed response APDU")

// A Channel is a client's end of a smart-card session with a FIDO applet. It is
// used from one goroutine.
type Channel struct {
	// Version is what the applet called itself at SELECT: "U2F_V2" or
	// "FIDO_2_0".
	Version string
	// Short has commands sent as chains of short APDUs, for readers that do
	// not pass extended ones.
	Short bool
	// OnKeepalive, where set, is called with each keepalive's status.
	OnKeepalive func(status byte)

	transmit func(apdu []byte) ([]byte, error)
}

// Connect selects the FIDO applet of the card behind transmit, which carries
// one command APDU to it and returns the response APDU.
func Connect(transmit func(apdu []byte) ([]byte, error)) (*Channel, error) {
	c := &Channel{transmit: transmit}
	reply, err := c.exchange(&ctap.APDU{INS: insSelect, P1: p1ByName, Data: aid})
	if err == nil {
		reply, err = split(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("select FIDO applet: %w", err)
	}
	c.Version = string(reply)
	return c, nil
}

// Close ends the session.
func (c *Channel) Close() error {
	reply, err := c.exchange(&ctap.APDU{CLA: claCTAP, INS: insControl, P1: p1End})
	if err == nil {
		_, err = split(reply)
	}
	return err
}

// CTAP sends a CTAP2 request, command byte first, and returns the reply, status
// byte first. When ctx ends it cancels the request and returns the reply to
// that, as a rule the single byte ErrKeepaliveCancel; or ctx's error, where
// the card gives none in three seconds.
func (c *Channel) CTAP(ctx context.Context, req []byte) (resp []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reply, err := c.send(&ctap.APDU{CLA: claCTAP, INS: insMessage, P1: p1Deferrable, Data: req})
	var grace <-chan time.Time
	done := ctx.Done()
	for err == nil && statusWord(reply) == swKeepalive {
		if c.OnKeepalive != nil && len(reply) == 3 {
			c.OnKeepalive(reply[0])
		}
		poll := &ctap.APDU{CLA: claCTAP, INS: insPoll}
		select {
		case <-done:
			poll.P1 = p1Cancel
			done, grace = nil, time.After(cancelGrace)
		case <-grace:
			return nil, ctx.Err()
		case <-time.After(pollInterval):
		}
		reply, err = c.exchange(poll)
	}
	if err != nil {
		return nil, err
	}
	resp, err = split(reply)
	if err == nil && len(resp) == 0 {
		err = fmt.Errorf("%w: no status", errReply)
	}
	return resp, err
}

// U2F sends a CTAP1/U2F APDU as it is and returns the whole reply, SW1 SW2 last.
func (c *Channel) U2F(ctx context.Context, apdu []byte) (resp []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.collect(apdu)
}

// send sends a command of any length.
func (c *Channel) send(cmd *ctap.APDU) ([]byte, error) {
	if len(cmd.Data) > maxData {
		return nil, fmt.Errorf("command of %d bytes: %w", len(cmd.Data), ctap.SWWrongLength)
	}
	if !c.Short {
		cmd.Extended = true
		return c.exchange(cmd)
	}
	last := *cmd
	for len(last.Data) > maxShort {
		piece := last
		piece.CLA |= claChaining
		piece.Data, last.Data = last.Data[:maxShort], last.Data[maxShort:]
		reply, err := c.exchange(&piece)
		if err == nil {
			_, err = split(reply)
		}
		if err != nil {
			return nil, fmt.Errorf("send chained command: %w", err)
		}
	}
	return c.exchange(&last)
}

func (c *Channel) exchange(cmd *ctap.APDU) ([]byte, error) { return c.collect(encode(cmd)) }

// collect sends one command and fetches the whole reply.
func (c *Channel) collect(raw []byte) ([]byte, error) {
	var data []byte
	for {
		reply, err := c.transmit(raw)
		if err != nil {
			return nil, fmt.Errorf("transmit APDU: %w", err)
		}
		if len(reply) < 2 || len(data) > maxData {
			return nil, errReply
		}
		data = append(data, reply...)
		sw := statusWord(reply)
		if sw&0xFF00 != swMoreData {
			return data, nil
		}
		data = data[:len(data)-2]
		raw = []byte{claISO, insGetResponse, 0, 0, byte(sw)}
	}
}

// split gives a reply's data where its status word is SWNoError.
func split(reply []byte) ([]byte, error) {
	if sw := statusWord(reply); sw != ctap.SWNoError {
		return nil, sw
	}
	return reply[:len(reply)-2], nil
}

// statusWord gives the last two bytes of a reply, which has at least those.
func statusWord(reply []byte) ctap.StatusWord {
	return ctap.StatusWord(binary.BigEndian.Uint16(reply[len(reply)-2:]))
}

// encode gives the command's encoding, with the largest Le; extended where it
// is Extended or needs to be.
func encode(a *ctap.APDU) []byte {
	b := []byte{a.CLA, a.INS, a.P1, a.P2}
	n := len(a.Data)
	if !a.Extended && n <= maxShort {
		if n > 0 {
			b = append(b, byte(n))
		}
		return append(append(b, a.Data...), 0)
	}
	b = append(b, 0)
	if n > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return append(append(b, a.Data...), 0, 0)
}
