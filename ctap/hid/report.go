// Package hid is CTAPHID, the framing of CTAP over HID reports (§11.2): reports,
// messages, the device's end of a connection (Serve) and the client's (Channel).
// It opens no device: a connection is an io.ReadWriteCloser that carries one
// whole report a call.
package hid

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/seed-77d61853/signet/ctap"
)

// ReportSize is the length of a report in bytes, both ways.
const ReportSize = 64

const (
	initHeader = 7 // channel, command, length
	contHeader = 5 // channel, sequence number

	initBit = 0x80 // of byte 4: this report starts a message
)

// Broadcast is the channel on which a client asks for one of its own.
const Broadcast uint32 = 0xFFFFFFFF

// A Command is CTAPHID's, without the bit that marks a message's first report
// (§11.2.9).
type Command byte

// Commands, §11.2.9.
const (
	CommandPing      Command = 0x01
	CommandMsg       Command = 0x03
	CommandLock      Command = 0x04
	CommandInit      Command = 0x06
	CommandWink      Command = 0x08
	CommandCBOR      Command = 0x10
	CommandCancel    Command = 0x11
	CommandKeepalive Command = 0x3B
	CommandError     Command = 0x3F
)

// Capability flags in INIT's reply (§11.2.9.1.3).
const (
	CapabilityWink  = 0x01
	CapabilityCBOR  = 0x04
	CapabilityNoMsg = 0x08
)

// KEEPALIVE's status values (§11.2.9.1.7).
const (
	KeepaliveProcessing = 0x01
	KeepaliveUserNeeded = 0x02
)

const (
	protocolVersion = 2
	nonceSize       = 8
	initReplySize   = 17
	maxLockSeconds  = 10
)

// An Error is the code of a CTAPHID_ERROR message (§11.2.9.1.6). The codes are
// those of ctap.Status, which Unwrap gives.
type Error ctap.Status

// Error names the code.
func (e Error) Error() string { return fmt.Sprintf("CTAPHID error %v", ctap.Status(e)) }

// Unwrap gives the status with the same number.
func (e Error) Unwrap() error { return ctap.Status(e) }

// A Report is one HID report, padded with zeros (§11.2.4).
type Report [ReportSize]byte

// Channel returns the channel that the report belongs to.
func (r *Report) Channel() uint32 { return binary.BigEndian.Uint32(r[:4]) }

// Initial reports whether the report starts a message.
func (r *Report) Initial() bool { return r[4]&initBit != 0 }

// Command returns the command of an initial report.
func (r *Report) Command() Command { return Command(r[4] &^ initBit) }

// length returns the length in bytes that an initial report gives its message.
func (r *Report) length() int { return int(binary.BigEndian.Uint16(r[5:7])) }

// A Message is what one transfer carries: at most ctap.MaxHIDMsgSize bytes.
type Message struct {
	Channel uint32
	Command Command
	Data    []byte
}

// Reports splits the message. Each report is valid until the next is asked for.
// What exceeds ctap.MaxHIDMsgSize does not fit and is left out.
func (m *Message) Reports() iter.Seq[*Report] {
	return func(yield func(*Report) bool) {
		data := m.Data[:min(len(m.Data), ctap.MaxHIDMsgSize)]
		r := new(Report)
		binary.BigEndian.PutUint32(r[:], m.Channel)
		r[4] = byte(m.Command) | initBit
		binary.BigEndian.PutUint16(r[5:], uint16(len(data)))
		n := copy(r[initHeader:], data)
		for seq := byte(0); yield(r) && n < len(data); seq++ {
			data, n = data[n:], 0
			r[4] = seq
			clear(r[contHeader:])
			n = copy(r[contHeader:], data)
		}
	}
}
