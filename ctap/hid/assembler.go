package hid

import "github.com/seed-77d61853/signet/ctap"

// An Assembler joins reports into messages, one at a time (§11.2.4, §11.2.5).
// The zero value is ready. It is not safe for concurrent use.
//
//	       first report of several
//	idle ---------------------------> receiving <--+ report in sequence
//	 ^ ^                               |  |  |-----+
//	 | +------- last report: message --+  |
//	 +-- wrong sequence, first report, ---+
//	     Drop (timeout, INIT)
type Assembler struct {
	message Message // its Data grows while receiving
	need    int     // bytes of the whole message; 0 while idle
	seq     byte    // number of the report that must follow
}

// Receiving returns the channel whose message is being received, if any.
func (a *Assembler) Receiving() (channel uint32, ok bool) { return a.message.Channel, a.need > 0 }

// Drop forgets the message being received.
func (a *Assembler) Drop() { *a = Assembler{} }

// Add takes a report. It returns the message that the report completes, whose
// Data is the caller's; or the code that the report's channel is to be told in
// CTAPHID_ERROR; or neither, where more must follow or the report is stray.
// A report of another channel leaves the message being received as it is.
func (a *Assembler) Add(r *Report) (*Message, ctap.Status) {
	if r.Initial() {
		return a.begin(r)
	}
	if a.need == 0 || r.Channel() != a.message.Channel {
		return nil, ctap.StatusOK
	}
	if r[4] != a.seq {
		a.Drop()
		return nil, ctap.ErrInvalidSeq
	}
	a.seq++
	return a.extend(r[contHeader:]), ctap.StatusOK
}

func (a *Assembler) begin(r *Report) (*Message, ctap.Status) {
	switch {
	case a.need > 0 && r.Channel() != a.message.Channel:
		return nil, ctap.ErrChannelBusy
	case a.need > 0:
		a.Drop()
		return nil, ctap.ErrInvalidSeq
	case r.length() > ctap.MaxHIDMsgSize:
		return nil, ctap.ErrInvalidLength
	}
	a.need = r.length()
	a.message = Message{r.Channel(), r.Command(), make([]byte, 0, a.need)}
	return a.extend(r[initHeader:]), ctap.StatusOK
}

// extend appends a report's data, without its padding.
func (a *Assembler) extend(data []byte) *Message {
	missing := a.need - len(a.message.Data)
	a.message.Data = append(a.message.Data, data[:min(missing, len(data))]...)
	if len(a.message.Data) < a.need {
		return nil
	}
	done := a.message
	a.Drop()
	return &done
}
