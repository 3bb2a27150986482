package authenticator_test

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	ctapapdu "github.com/seed-77d61853/signet/ctap/apdu"
)

// Smart-card commands from the client's end, byte by byte (§11.3).

var fidoApplet = unhex("a0000006472f0001")

const (
	apduMessage = 0x10 // NFCCTAP_MSG
	apduPoll    = 0x11 // NFCCTAP_GETRESPONSE
	apduControl = 0x12 // NFCCTAP_CONTROL

	apduWaits = 0x9100 // the device needs more time
	apduMore  = 0x6100 // there is more of the reply; low byte: how much
)

// apduPort is a reader: each client finds a card of its own in it.
type apduPort struct {
	t      *testing.T
	device ctap.Handler
	cards  []*ctapapdu.Card
}

func openAPDU(t *testing.T, device ctap.Handler) port { return &apduPort{t: t, device: device} }

func (p *apduPort) connect() line {
	l := p.card()
	if data, word := l.exchange(apduSelect(fidoApplet)); word != noError {
		p.t.Fatalf("SELECT: status word %04x, %x", word, data)
	}
	return l
}

// card is a client before SELECT.
func (p *apduPort) card() *apduLine {
	card := ctapapdu.NewCard(p.device, ctapapdu.Options{MaxMsgSize: 2048})
	p.cards = append(p.cards, card)
	return &apduLine{t: p.t, card: card}
}

func (p *apduPort) close() {
	for _, card := range p.cards {
		card.Reset()
	}
}

type apduLine struct {
	t         *testing.T
	card      *ctapapdu.Card
	cancelled atomic.Bool
}

func (l *apduLine) exchange(command []byte) (data []byte, word int) {
	reply := l.card.Exchange(context.Background(), command)
	if len(reply) < 2 {
		l.t.Errorf("APDU %x: reply %x", command, reply)
		return nil, 0
	}
	n := len(reply) - 2
	return reply[:n], int(binary.BigEndian.Uint16(reply[n:]))
}

// ask lets the device defer its reply, and polls for it.
func (l *apduLine) ask(request []byte) []byte {
	l.cancelled.Store(false)
	data, word := l.exchange(apduExtended(0x80, apduMessage, 0x80, request))
	for word == apduWaits {
		if len(data) != 1 || data[0] != 1 && data[0] != 2 {
			l.t.Errorf("keepalive status %x", data)
		}
		time.Sleep(50 * time.Millisecond)
		p1 := byte(0)
		if l.cancelled.Swap(false) {
			p1 = 0x11
		}
		data, word = l.fetch([]byte{0x80, apduPoll, p1, 0, 0})
	}
	if word != noError {
		l.t.Errorf("request %x: status word %04x", request, word)
	}
	return data
}

// fetch sends a short command and gets its whole reply.
func (l *apduLine) fetch(command []byte) (data []byte, word int) {
	data, word = l.exchange(command)
	for word&0xff00 == apduMore {
		var part []byte
		part, word = l.exchange([]byte{0x00, 0xc0, 0x00, 0x00, byte(word)})
		data = append(data, part...)
	}
	return data, word
}

func (l *apduLine) cancel() { l.cancelled.Store(true) }

func (l *apduLine) u2f(command []byte) []byte {
	return l.card.Exchange(context.Background(), command)
}

func (l *apduLine) hangUp() { l.card.Reset() }

func apduSelect(applet []byte) []byte {
	return append(apduShort(0x00, 0xa4, 0x04, applet), 0)
}

// apduShort is a command with one byte of length, and no expected length.
func apduShort(class, ins, p1 byte, data []byte) []byte {
	return append([]byte{class, ins, p1, 0, byte(len(data))}, data...)
}

// apduExtended is a command with three bytes of length that takes any reply.
func apduExtended(class, ins, p1 byte, data []byte) []byte {
	c := []byte{class, ins, p1, 0, 0}
	if len(data) > 0 {
		c = append(binary.BigEndian.AppendUint16(c, uint16(len(data))), data...)
	}
	return append(c, 0, 0)
}

// apduChain cuts a command into short ones.
func apduChain(ins, p1 byte, data []byte) (pieces [][]byte) {
	for part := range slices.Chunk(data, 200) {
		pieces = append(pieces, apduShort(0x90, ins, p1, part))
	}
	pieces[len(pieces)-1][0] = 0x80
	return pieces
}
