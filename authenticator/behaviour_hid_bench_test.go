package authenticator_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	ctaphid "github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/ctap/hid/hidtest"
)

// CTAPHID from the client's end, report by report (§11.2). The device's side is
// ctap/hid; of it the bench takes nothing but the pipe.

const (
	hidBroadcast = 0xffffffff
	hidPing      = 0x01
	hidMsg       = 0x03
	hidLock      = 0x04
	hidInit      = 0x06
	hidWink      = 0x08
	hidCBOR      = 0x10
	hidCancel    = 0x11
	hidKeepalive = 0x3b
	hidError     = 0x3f

	hidMessageSize = 1200 // what the device on the bench says it takes
)

// A hidMessage is one that arrived.
type hidMessage struct {
	command byte
	data    []byte
	at      time.Time
}

// hidPort is the client's end of a pipe.
type hidPort struct {
	t      *testing.T
	conn   io.ReadWriteCloser
	served sync.WaitGroup

	mu      sync.Mutex
	inboxes map[uint32]chan hidMessage
	nonces  uint64
}

func openHID(t *testing.T, device ctap.Handler) port {
	far, near := hidtest.Pipe()
	p := &hidPort{t: t, conn: near, inboxes: map[uint32]chan hidMessage{}}
	p.served.Go(func() {
		if err := ctaphid.Serve(context.Background(), far, device, ctaphid.Options{MaxMsgSize: hidMessageSize}); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	p.served.Go(p.read)
	return p
}

func (p *hidPort) close() {
	p.conn.Close()
	p.served.Wait()
}

func (p *hidPort) inbox(channel uint32) chan hidMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inboxes[channel] == nil {
		p.inboxes[channel] = make(chan hidMessage, 10_000)
	}
	return p.inboxes[channel]
}

// read puts the device's messages together until the pipe is closed.
func (p *hidPort) read() {
	var (
		channel uint32
		m       hidMessage
		missing int
		next    byte
	)
	report := make([]byte, 64)
	for {
		if n, err := p.conn.Read(report); err != nil || n != 64 {
			return
		}
		data := report[5:]
		if report[4]&0x80 != 0 {
			if missing > 0 {
				p.t.Errorf("report %x interrupts a message", report)
			}
			channel = binary.BigEndian.Uint32(report)
			missing = int(binary.BigEndian.Uint16(report[5:]))
			m, next = hidMessage{command: report[4] &^ 0x80, at: time.Now()}, 0
			data = report[7:]
		} else if binary.BigEndian.Uint32(report) != channel || report[4] != next || missing == 0 {
			p.t.Errorf("report %x is not number %d of channel %08x", report, next, channel)
			return
		} else {
			next++
		}
		n := min(missing, len(data))
		m.data = append(m.data, data[:n]...)
		if missing -= n; missing == 0 {
			p.inbox(channel) <- m
		}
	}
}

// hidReports cuts a message into reports; claimed is the length that the first
// one claims.
func hidReports(channel uint32, command byte, data []byte, claimed int) [][]byte {
	first := binary.BigEndian.AppendUint32(nil, channel)
	first = append(first, command|0x80, byte(claimed>>8), byte(claimed))
	n := min(len(data), 57)
	reports := [][]byte{fill(append(first, data[:n]...))}
	for seq := byte(0); n < len(data); seq++ {
		more := min(len(data)-n, 59)
		reports = append(reports, hidContinuation(channel, seq, data[n:n+more]))
		n += more
	}
	return reports
}

func hidContinuation(channel uint32, seq byte, data []byte) []byte {
	return fill(append(append(binary.BigEndian.AppendUint32(nil, channel), seq), data...))
}

func fill(report []byte) []byte { return append(report, make([]byte, 64-len(report))...) }

func (p *hidPort) write(reports ...[]byte) {
	for _, r := range reports {
		if _, err := p.conn.Write(r); err != nil {
			p.t.Fatalf("write a report: %v", err)
		}
	}
}

func (p *hidPort) send(channel uint32, command byte, data []byte) {
	p.write(hidReports(channel, command, data, len(data))...)
}

// receive waits a while for the next message on a channel.
func (p *hidPort) receive(channel uint32, within time.Duration) (hidMessage, bool) {
	select {
	case m := <-p.inbox(channel):
		return m, true
	case <-time.After(within):
		return hidMessage{}, false
	}
}

// expect fails unless the next message on a channel is this one.
func (p *hidPort) expect(channel uint32, command byte, data []byte) {
	p.t.Helper()
	m, ok := p.receive(channel, 2*time.Second)
	if !ok || m.command != command || !bytes.Equal(m.data, data) {
		p.t.Errorf("on channel %08x: command %#02x, %x (arrived: %v); want command %#02x, %x", channel, m.command, m.data, ok, command, data)
	}
}

// silent fails if anything arrives on a channel.
func (p *hidPort) silent(channel uint32, within time.Duration) {
	p.t.Helper()
	if m, ok := p.receive(channel, within); ok {
		p.t.Errorf("on channel %08x: command %#02x, %x; want silence", channel, m.command, m.data)
	}
}

// init asks for a channel, and returns the answer's 17 bytes.
func (p *hidPort) init() []byte {
	p.t.Helper()
	p.nonces++
	nonce := binary.BigEndian.AppendUint64(nil, p.nonces)
	p.send(hidBroadcast, hidInit, nonce)
	m, ok := p.receive(hidBroadcast, time.Second)
	if !ok || m.command != hidInit || len(m.data) != 17 || !bytes.Equal(m.data[:8], nonce) {
		p.t.Fatalf("INIT is answered by command %#02x, %x (%v)", m.command, m.data, ok)
	}
	return m.data
}

func (p *hidPort) connect() line { return p.channel() }

func (p *hidPort) channel() *hidLine {
	return &hidLine{port: p, id: binary.BigEndian.Uint32(p.init()[8:])}
}

// A hidLine is one channel.
type hidLine struct {
	port *hidPort
	id   uint32
}

func (l *hidLine) ask(request []byte) []byte { return l.transact(hidCBOR, request) }

func (l *hidLine) u2f(command []byte) []byte { return l.transact(hidMsg, command) }

func (l *hidLine) transact(command byte, request []byte) []byte {
	l.port.send(l.id, command, request)
	for {
		m, ok := l.port.receive(l.id, time.Minute)
		switch {
		case !ok:
			l.port.t.Errorf("no answer, and no keepalive, to command %#02x", command)
			return nil
		case m.command == command:
			return m.data
		case m.command != hidKeepalive:
			l.port.t.Errorf("command %#02x, %x in answer to command %#02x", m.command, m.data, command)
			return nil
		}
	}
}

func (l *hidLine) cancel() { l.port.send(l.id, hidCancel, nil) }

// hangUp does nothing: a channel is just not used any more.
func (l *hidLine) hangUp() {}
