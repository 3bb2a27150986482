package hid_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
)

// TestTransitions walks the assembler's drawing: a state, a report, the state
// after it and what it gives.
func TestTransitions(t *testing.T) {
	first := func(channel uint32, length uint16) *hid.Report {
		r := &hid.Report{4: 0x81}
		binary.BigEndian.PutUint32(r[:], channel)
		binary.BigEndian.PutUint16(r[5:], length)
		return r
	}
	next := func(channel uint32, seq byte) *hid.Report {
		r := &hid.Report{4: seq}
		binary.BigEndian.PutUint32(r[:], channel)
		return r
	}
	for _, tt := range []struct {
		name      string
		before    []*hid.Report
		report    *hid.Report
		receiving bool
		message   int // length, -1 for none
		status    ctap.Status
	}{
		{"idle: whole message", nil, first(1, 57), false, 57, 0},
		{"idle: empty message", nil, first(1, 0), false, 0, 0},
		{"idle: first of two", nil, first(1, 58), true, -1, 0},
		{"idle: longest", nil, first(1, 7609), true, -1, 0},
		{"idle: too long", nil, first(1, 7610), false, -1, ctap.ErrInvalidLength},
		{"idle: stray", nil, next(1, 0), false, -1, 0},
		{"receiving: last", []*hid.Report{first(1, 58)}, next(1, 0), false, 58, 0},
		{"receiving: one more", []*hid.Report{first(1, 200)}, next(1, 0), true, -1, 0},
		{"receiving: gap", []*hid.Report{first(1, 200), next(1, 0)}, next(1, 2), false, -1, ctap.ErrInvalidSeq},
		{"receiving: repeat", []*hid.Report{first(1, 200), next(1, 0)}, next(1, 0), false, -1, ctap.ErrInvalidSeq},
		{"receiving: another first", []*hid.Report{first(1, 200)}, first(1, 1), false, -1, ctap.ErrInvalidSeq},
		{"receiving: other's first", []*hid.Report{first(1, 200)}, first(2, 1), true, -1, ctap.ErrChannelBusy},
		{"receiving: other's next", []*hid.Report{first(1, 200)}, next(2, 0), true, -1, 0},
		{"receiving: other's next for the last", []*hid.Report{first(1, 58)}, next(2, 0), true, -1, 0},
	} {
		var a hid.Assembler
		for _, r := range tt.before {
			if m, status := a.Add(r); m != nil || status != 0 {
				t.Fatalf("%s: before: %v %v", tt.name, m, status)
			}
		}
		m, status := a.Add(tt.report)
		length := -1
		if m != nil {
			length = len(m.Data)
		}
		if _, receiving := a.Receiving(); receiving != tt.receiving || length != tt.message || status != tt.status {
			t.Errorf("%s: receiving %v, message %d, status %v", tt.name, receiving, length, status)
		}
	}
}

func TestErrorCodes(t *testing.T) {
	err := error(hid.Error(ctap.ErrChannelBusy))
	if ctap.StatusOf(err) != ctap.ErrChannelBusy {
		t.Errorf("StatusOf(%v) = %v", err, ctap.StatusOf(err))
	}
}

// FuzzSplit: a message that is split and joined is the same, in as few reports
// as hold it, all padded with zeros.
func FuzzSplit(f *testing.F) {
	f.Add(uint32(1), byte(1), []byte(nil))
	f.Add(uint32(0xFFFFFFFF), byte(6), []byte("12345678"))
	f.Add(uint32(3), byte(0x10), bytes.Repeat([]byte{0xFF}, 57))
	f.Add(uint32(3), byte(0x10), bytes.Repeat([]byte{0xFF}, 58))
	f.Add(uint32(3), byte(0x10), bytes.Repeat([]byte{0xFF}, 7609))
	f.Fuzz(func(t *testing.T, channel uint32, cmd byte, data []byte) {
		data = data[:min(len(data), ctap.MaxHIDMsgSize)]
		in := hid.Message{Channel: channel, Command: hid.Command(cmd & 0x7F), Data: data}
		var a hid.Assembler
		var out *hid.Message
		reports := 0
		for r := range in.Reports() {
			if out != nil {
				t.Fatal("a report after the last")
			}
			var status ctap.Status
			if out, status = a.Add(r); status != ctap.StatusOK {
				t.Fatal(status)
			}
			reports++
		}
		if want := 1 + max(0, (len(data)-57+58)/59); reports != want {
			t.Errorf("%d reports, want %d", reports, want)
		}
		if out == nil || out.Channel != channel || out.Command != in.Command || !bytes.Equal(out.Data, data) {
			t.Errorf("joined %+v", out)
		}
	})
}

// FuzzAssembler: whatever comes in, a message belongs to the channel of the
// report that completed it, and is as long as its first report said.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x81, 0, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		var a hid.Assembler
		lengths := map[uint32]int{}
		for chunk := range slices.Chunk(data, hid.ReportSize) {
			var r hid.Report
			copy(r[:], chunk)
			receiving, busy := a.Receiving()
			if r.Initial() && (!busy || receiving == r.Channel()) {
				lengths[r.Channel()] = int(binary.BigEndian.Uint16(r[5:]))
			}
			m, status := a.Add(&r)
			if m == nil {
				continue
			}
			if status != ctap.StatusOK || m.Channel != r.Channel() || len(m.Data) != lengths[m.Channel] {
				t.Fatalf("%v: message of %d bytes on %08x after report %x", status, len(m.Data), m.Channel, r)
			}
		}
	})
}
