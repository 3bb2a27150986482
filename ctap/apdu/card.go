// Package apdu is the framing of CTAP in smart-card commands (§11.3; ISO
// 7816-4): the card's end of a session (Card) and the client's (Channel). It
// opens no reader.
package apdu

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

const (
	claISO      = 0x00 // U2F and ISO 7816-4 commands
	claCTAP     = 0x80 // NFCCTAP commands
	claChaining = 0x10 // bit of a chain's pieces but the last

	insSelect      = 0xA4
	insGetResponse = 0xC0
	insMessage     = 0x10 // NFCCTAP_MSG
	insPoll        = 0x11 // NFCCTAP_GETRESPONSE
	insControl     = 0x12 // NFCCTAP_CONTROL

	p1ByName     = 0x04 // of SELECT
	p1Deferrable = 0x80 // of NFCCTAP_MSG: the client knows NFCCTAP_GETRESPONSE
	p1Cancel     = 0x11 // of NFCCTAP_GETRESPONSE
	p1End        = 0x01 // of NFCCTAP_CONTROL
)

// Status words beyond ctap's.
const (
	swMoreData     ctap.StatusWord = 0x6100 // low byte: how many bytes, 00 for 256 and more
	swKeepalive    ctap.StatusWord = 0x9100
	swFileNotFound ctap.StatusWord = 0x6A82
	swIncorrectP1  ctap.StatusWord = 0x6A86
)

// Keepalive status bytes, those of CTAPHID (§11.2.9.1.7).
const (
	KeepaliveProcessing = 0x01
	KeepaliveUserNeeded = 0x02
)

// aid is the FIDO applet's name (§11.3.3).
var aid = []byte{0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01}

const (
	// maxData is the most data in bytes of one command, extended or chained.
	maxData = 1<<16 - 1
	// patience is how long a deferrable request may hold the line before its
	// client gets a keepalive instead.
	patience = 100 * time.Millisecond
)

// Options say what a card is. The zero value is a smart card.
type Options struct {
	// Transport is ctap.Session's; "" means "smart-card".
	Transport string
	// Door is ctap.Session's.
	Door string
	// MaxMsgSize is ctap.Session's, in bytes; 0 means ctap.DefaultMaxMsgSize.
	MaxMsgSize int
	// Peer is who uses the reader, where the door can tell.
	Peer *ctap.Peer
}

// A Card is a FIDO applet on a card in a reader. A SELECT begins a session,
// which lasts until the next SELECT, NFCCTAP_CONTROL end, or Reset. It is used
// from one goroutine, as a card is.
//
//	          SELECT               NFCCTAP_MSG, P1 80h
//	unselected ----> selected ---------------------------> deferred
//	   ^               |  ^  reply; cancel; other command   |  ^ | 9100,
//	   +-- end, Reset -+  +---------------------------------+  +-+ poll
//
// Any command but GET RESPONSE forgets what GET RESPONSE had still to fetch.
type Card struct {
	handler     ctap.Handler
	opts        Options
	session     *ctap.Session // nil while unselected
	deferred    *deferral
	chain       *ctap.APDU    // pieces so far, under the header of the first
	rest        []byte        // of a reply, status word last
	userChanged chan struct{} // the session's UserNeeded changed
}

// A deferral is a request whose client polls for the reply.
type deferral struct {
	cancel context.CancelFunc
	reply  chan []byte
}

// NewCard puts a card with the device behind h into a reader.
func NewCard(h ctap.Handler, opts Options) *Card {
	if opts.Transport == "" {
		opts.Transport = "smart-card"
	}
	return &Card{handler: h, opts: opts, userChanged: make(chan struct{}, 1)}
}

// Reset takes the card from power: a request that runs is cancelled and waited
// for, and the session ends.
func (c *Card) Reset() {
	c.abort()
	c.rest, c.chain = nil, nil
	if c.session != nil {
		c.handler.Closed(c.session)
		c.session = nil
	}
}

// Exchange answers one command APDU, of any bytes, with a response APDU: data,
// then SW1 SW2. Where the client cannot poll (P1 of NFCCTAP_MSG) it waits for
// the request's end; ctx's end then cancels the request.
func (c *Card) Exchange(ctx context.Context, raw []byte) []byte {
	cmd, err := ctap.ParseAPDU(raw)
	switch {
	case err != nil:
		return ctap.SWWrongLength.Append(nil)
	case cmd.INS == insGetResponse && (cmd.CLA == claISO || cmd.CLA == claCTAP):
		return c.deliver(cmd, c.rest)
	}
	c.rest = nil
	if cmd.CLA == claISO|claChaining || cmd.CLA == claCTAP|claChaining {
		return c.collect(cmd)
	}
	if chained := c.join(cmd); chained != nil {
		if len(chained.Data) > maxData {
			return ctap.SWWrongLength.Append(nil)
		}
		cmd, raw = chained, encode(chained)
	}
	return c.deliver(cmd, c.execute(ctx, cmd, raw))
}

// collect takes a piece of a chain that is not the last (ISO 7816-4 §5.3.3).
func (c *Card) collect(cmd *ctap.APDU) []byte {
	cmd.CLA &^= claChaining
	if c.chain == nil || !sameHeader(c.chain, cmd) {
		c.chain = &ctap.APDU{CLA: cmd.CLA, INS: cmd.INS, P1: cmd.P1, P2: cmd.P2}
	}
	if len(c.chain.Data)+len(cmd.Data) > maxData {
		c.chain = nil
		return ctap.SWWrongLength.Append(nil)
	}
	c.chain.Data = append(c.chain.Data, cmd.Data...)
	return ctap.SWNoError.Append(nil)
}

// join returns the command whose last piece cmd is, or nil where it is a whole
// one; it then takes the place of the chain.
func (c *Card) join(cmd *ctap.APDU) *ctap.APDU {
	chain := c.chain
	c.chain = nil
	if chain == nil || !sameHeader(chain, cmd) {
		return nil
	}
	chain.Data = append(chain.Data, cmd.Data...)
	chain.Le, chain.Extended = cmd.Le, cmd.Extended
	return chain
}

func sameHeader(a, b *ctap.APDU) bool {
	return a.CLA == b.CLA && a.INS == b.INS && a.P1 == b.P1 && a.P2 == b.P2
}

// deliver gives as much of a reply as cmd has room for, and keeps the rest.
func (c *Card) deliver(cmd *ctap.APDU, reply []byte) []byte {
	if len(reply) < 2 {
		return ctap.SWConditionsNotSatisfied.Append(nil)
	}
	room := cmd.Le
	if room == 0 && cmd.Extended {
		room = maxData
	} else if room == 0 {
		room = 256
	}
	if len(reply)-2 <= room {
		c.rest = nil
		return reply
	}
	c.rest = reply[room:]
	more := len(c.rest) - 2
	if more > 255 {
		more = 0
	}
	return (swMoreData | ctap.StatusWord(more)).Append(slices.Clone(reply[:room]))
}

// execute answers a whole command; raw is its encoding.
func (c *Card) execute(ctx context.Context, cmd *ctap.APDU, raw []byte) []byte {
	if c.session != nil && cmd.CLA == claCTAP && cmd.INS == insPoll {
		return c.poll(cmd)
	}
	c.abort()
	switch {
	case cmd.CLA != claISO && cmd.CLA != claCTAP:
		return ctap.SWClaNotSupported.Append(nil)
	case cmd.CLA == claISO && cmd.INS == insSelect:
		return c.choose(cmd)
	case c.session == nil:
		return ctap.SWInsNotSupported.Append(nil)
	case cmd.CLA == claISO:
		return c.handler.ServeU2F(ctx, c.session, raw)
	case cmd.INS == insMessage:
		return c.message(ctx, cmd)
	case cmd.INS == insControl && cmd.P1 == p1End && cmd.P2 == 0:
		c.Reset()
		return ctap.SWNoError.Append(nil)
	case cmd.INS == insControl:
		return swIncorrectP1.Append(nil)
	}
	return ctap.SWInsNotSupported.Append(nil)
}

// choose answers SELECT (§11.3.3). Where another applet is asked for, of which
// there is none, this one stays selected.
func (c *Card) choose(cmd *ctap.APDU) []byte {
	switch {
	case cmd.P1 != p1ByName:
		return swIncorrectP1.Append(nil)
	case !bytes.Equal(cmd.Data, aid):
		return swFileNotFound.Append(nil)
	}
	c.Reset()
	c.session = &ctap.Session{
		Transport:   c.opts.Transport,
		Door:        c.opts.Door,
		MaxMsgSize:  c.opts.MaxMsgSize,
		Peer:        c.opts.Peer,
		UserChanged: c.noteUserChanged,
	}
	version := ctap.VersionFIDO20
	if slices.Contains(c.handler.Versions(), ctap.VersionU2F) {
		version = ctap.VersionU2F
	}
	return ctap.SWNoError.Append([]byte(version))
}

// noteUserChanged is called by the request, from its goroutine.
func (c *Card) noteUserChanged() {
	select {
	case c.userChanged <- struct{}{}:
	default:
	}
}

// message answers NFCCTAP_MSG (§11.3.4.1).
func (c *Card) message(ctx context.Context, cmd *ctap.APDU) []byte {
	session := c.session
	switch {
	case cmd.P2 != 0 || cmd.P1&^p1Deferrable != 0:
		return swIncorrectP1.Append(nil)
	case cmd.P1 == 0:
		return ctap.SWNoError.Append(c.handler.ServeCTAP(ctx, session, cmd.Data))
	}
	// The request outlives this exchange: Reset or a cancel ends it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &deferral{cancel, make(chan []byte, 1)}
	data := slices.Clone(cmd.Data)
	c.deferred = d
	go func() { d.reply <- c.handler.ServeCTAP(ctx, session, data) }()
	return c.await()
}

// poll answers NFCCTAP_GETRESPONSE (§11.3.4.2).
func (c *Card) poll(cmd *ctap.APDU) []byte {
	switch {
	case c.deferred == nil:
		return ctap.SWConditionsNotSatisfied.Append(nil)
	case cmd.P1 == p1Cancel:
		c.deferred.cancel()
	case cmd.P1 != 0:
		return swIncorrectP1.Append(nil)
	}
	return c.await()
}

// await waits a while for the deferred reply. A client learns at once that a
// person is needed.
func (c *Card) await() []byte {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case reply := <-c.deferred.reply:
			c.deferred.cancel()
			c.deferred = nil
			return ctap.SWNoError.Append(reply)
		case <-c.userChanged:
			if c.session.UserNeeded() {
				return swKeepalive.Append([]byte{KeepaliveUserNeeded})
			}
		case <-timer.C:
			if c.session.UserNeeded() {
				return swKeepalive.Append([]byte{KeepaliveUserNeeded})
			}
			return swKeepalive.Append([]byte{KeepaliveProcessing})
		}
	}
}

// abort ends the deferred request, if any, and waits until it has ended.
func (c *Card) abort() {
	if c.deferred != nil {
		c.deferred.cancel()
		<-c.deferred.reply
		c.deferred = nil
	}
}
