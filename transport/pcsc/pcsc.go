// Package pcsc is the door for PC/SC clients: a card in the virtual reader of
// vsmartcard. Its driver in pcscd, vpcd, waits on a TCP port for the card to
// connect. Whoever may use pcscd can then reach the device.
package pcsc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/apdu"
)

// DefaultAddress is where vpcd waits for the card of its first slot.
const DefaultAddress = "127.0.0.1:35963"

// Control bytes of vpcd: messages of length 1.
const (
	controlOff   = 0
	controlOn    = 1
	controlReset = 2
	controlATR   = 4
)

// How long to wait before connecting again: twice as long each time.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// atr is the card's answer to reset (ISO 7816-3 §8): protocol T=1; historical
// bytes that tell selection by full name, command chaining, extended lengths
// and the name "Signet"; TCK.
var atr = []byte{
	0x3B, 0x8C, 0x01,
	0x80, 0x73, 0x80, 0x01, 0xC0, 0x56, 'S', 'i', 'g', 'n', 'e', 't',
	0x4B,
}

// A Card is put into a virtual reader by Serve. The zero value is ready.
type Card struct {
	// Address is vpcd's, host:port; "" means DefaultAddress.
	Address string
	// MaxMsgSize is ctap.Session's, in bytes; 0 means ctap.MaxHIDMsgSize.
	MaxMsgSize int
	// Reader is told whether there is a reader: after the first try to connect,
	// and whenever that changes. It must not block; nil: nobody is told.
	Reader func(there bool)
	// Log hears when a reader appears and disappears; nil is silent.
	Log *slog.Logger
}

func (c *Card) tell(there bool) {
	if c.Reader != nil {
		c.Reader(there)
	}
}

// Serve serves h to the reader's clients until ctx ends; it returns ctx's
// error. While there is no reader it tries again, every five seconds at last.
func (c *Card) Serve(ctx context.Context, h ctap.Handler) error {
	address, size := c.Address, c.MaxMsgSize
	if address == "" {
		address = DefaultAddress
	}
	if size == 0 {
		size = ctap.MaxHIDMsgSize
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("reader", address)

	var dialer net.Dialer
	missing := false // and told so
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			missing = false
			c.tell(true)
			log.Info("card in the virtual reader")
			s := &slot{conn: conn, card: apdu.NewCard(h, apdu.Options{Door: "pcsc", MaxMsgSize: size})}
			err = s.serve(ctx)
			if s.used {
				wait = firstWait
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !missing {
			missing = true
			c.tell(false)
			log.Warn("no virtual reader; waiting for pcscd with vpcd", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A slot is one connection to vpcd, whose protocol is: a length of two bytes,
// big-endian, then a control byte or a command APDU; back come the ATR or the
// response APDU in the same way. serve's goroutine owns the fields.
type slot struct {
	conn net.Conn
	card *apdu.Card
	used bool // vpcd has spoken

	cancel  context.CancelFunc // of the exchange that runs; nil while none does
	replies chan []byte
}

// serve returns once the connection fails or ctx ends, with the card reset.
func (s *slot) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	defer s.conn.Close()
	defer s.reset()

	s.replies = make(chan []byte, 1)
	messages, failed := make(chan []byte), make(chan error, 1)
	go func() { failed <- s.read(ctx, messages) }()
	for {
		var err error
		select {
		case m := <-messages:
			s.used = true
			err = s.receive(ctx, m)
		case reply := <-s.replies:
			s.cancel()
			s.cancel = nil
			err = s.write(reply)
		case err = <-failed:
		}
		if err != nil {
			return err
		}
	}
}

// read passes vpcd's messages on. It runs beside the exchange, so that power
// lost or a reader gone ends what the card is doing.
func (s *slot) read(ctx context.Context, messages chan<- []byte) error {
	for {
		var length [2]byte
		quickAck(s.conn)
		if _, err := io.ReadFull(s.conn, length[:]); err != nil {
			return err
		}
		quickAck(s.conn)
		m := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(s.conn, m); err != nil {
			return err
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *slot) receive(ctx context.Context, m []byte) error {
	switch {
	case len(m) > 1 && s.cancel != nil:
		return errors.New("vpcd sent a command before the reply to the last")
	case len(m) > 1:
		ctx, s.cancel = context.WithCancel(ctx)
		go func() { s.replies <- s.card.Exchange(ctx, m) }()
	case len(m) == 0:
	case m[0] == controlATR:
		return s.write(atr)
	case m[0] == controlOff || m[0] == controlReset || m[0] == controlOn:
		s.reset()
	}
	return nil
}

// reset ends what the card is doing, whose reply nobody waits for.
func (s *slot) reset() {
	if s.cancel != nil {
		s.cancel()
		<-s.replies
		s.cancel = nil
	}
	s.card.Reset()
}

func (s *slot) write(m []byte) error {
	if len(m) > math.MaxUint16 {
		m = ctap.SWInternal.Append(nil)
	}
	b := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(m)), uint16(len(m))), m...)
	if _, err := s.conn.Write(b); err != nil {
		return fmt.Errorf("answer vpcd: %w", err)
	}
	return nil
}
