package hid

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// A server is the device's end of one connection. One goroutine, Serve's, owns
// its fields, reads, writes and never waits for a request. The device has one
// transaction at a time, whose channel owns it:
//
//	        message              reply
//	idle -----------> running ----------> idle
//	 |  ^              |  ^ CANCEL: ctx ends, the reply tells
//	 |  +--------------+ INIT on the channel, hang-up: ctx ends, no reply
//	 +-- LOCK --> locked: as idle, to the owner alone, for 0 to 10 s
//
// To other channels an owned device is CHANNEL_BUSY.
type server struct {
	conn    io.Writer
	handler ctap.Handler
	opts    Options

	channels    channels
	assembler   Assembler
	current     *request // owns the device; nil while idle
	working     *request // its goroutine runs: current, or one given up that still has to return
	told        byte     // the status that current's client believes
	locked      *channel
	replies     chan reply
	userChanged chan struct{} // a session's UserNeeded changed

	stalled, keepalive, unlock *time.Timer
}

// A request is a message that the handler is to answer.
type request struct {
	channel *channel
	command Command
	cancel  context.CancelFunc
	run     func() // in a goroutine of its own; sends to replies at its end
}

type reply struct {
	to   *request
	data []byte
}

// loop returns nil once reports is closed, or the error of a write.
func (s *server) loop(ctx context.Context, reports <-chan *Report) error {
	for {
		var err error
		select {
		case r, ok := <-reports:
			if !ok {
				return nil
			}
			err = s.receive(ctx, r)
		case r := <-s.replies:
			err = s.finish(r)
		case <-s.keepalive.C:
			err = s.sendKeepalive()
		case <-s.userChanged:
			if s.status() != s.told {
				err = s.sendKeepalive()
			}
		case <-s.stalled.C:
			id, _ := s.assembler.Receiving()
			s.assembler.Drop()
			err = s.sendError(id, ctap.ErrTimeout)
		case <-s.unlock.C:
			s.locked = nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// hangUp ends what runs and forgets the sessions. The handler hears of a
// session's end only after its last request, which could bind state to it.
func (s *server) hangUp() {
	if s.current != nil {
		s.current.cancel()
	}
	if s.working != nil {
		<-s.replies
	}
	for _, ch := range s.channels.byID {
		s.handler.Closed(ch.session)
	}
}

// receive takes one report (§11.2.5).
func (s *server) receive(ctx context.Context, r *Report) error {
	id := r.Channel()
	ch := s.channels.lookup(id)
	switch {
	case !r.Initial():
		return s.assemble(ctx, ch, r)
	case r.Command() == CommandCancel: // is never answered
		if s.current != nil && s.current.channel.id == id && s.current.command == CommandCBOR {
			s.current.cancel()
		}
		return nil
	case id == Broadcast && r.Command() == CommandInit:
		return s.open(r)
	case ch == nil:
		return s.sendError(id, ctap.ErrInvalidChannel)
	case s.ownedByOther(ch):
		return s.sendError(id, ctap.ErrChannelBusy)
	case r.Command() == CommandInit:
		return s.resync(ch, r)
	case s.current != nil:
		return s.sendError(id, ctap.ErrChannelBusy)
	}
	return s.assemble(ctx, ch, r)
}

func (s *server) ownedByOther(ch *channel) bool {
	receiving, ok := s.assembler.Receiving()
	return s.locked != nil && s.locked != ch ||
		s.current != nil && s.current.channel != ch ||
		ok && receiving != ch.id
}

// inUse reports whether the channel must not be recycled.
func (s *server) inUse(ch *channel) bool {
	receiving, ok := s.assembler.Receiving()
	return s.locked == ch ||
		s.current != nil && s.current.channel == ch ||
		s.working != nil && s.working.channel == ch ||
		ok && receiving == ch.id
}

func (s *server) assemble(ctx context.Context, ch *channel, r *Report) error {
	m, status := s.assembler.Add(r)
	if receiving, ok := s.assembler.Receiving(); !ok {
		s.stalled.Stop()
	} else if receiving == r.Channel() {
		s.stalled.Reset(messageTimeout)
	}
	switch {
	case status != ctap.StatusOK:
		return s.sendError(r.Channel(), status)
	case m == nil:
		return nil
	}
	return s.execute(ctx, ch, m)
}

// open answers an INIT on the broadcast channel with a new channel. A device
// that is merely busy answers: nobody is disturbed by it.
func (s *server) open(r *Report) error {
	switch {
	case r.length() != nonceSize:
		return s.sendError(Broadcast, ctap.ErrInvalidLength)
	case s.locked != nil:
		return s.sendError(Broadcast, ctap.ErrChannelBusy)
	}
	session := &ctap.Session{
		Transport:   s.opts.Transport,
		Door:        s.opts.Door,
		MaxMsgSize:  s.opts.MaxMsgSize,
		Peer:        s.opts.Peer,
		UserChanged: s.noteUserChanged,
	}
	ch, gone := s.channels.allocate(session, s.inUse)
	if gone != nil {
		s.handler.Closed(gone)
	}
	return s.sendInit(Broadcast, ch, r)
}

// noteUserChanged is called by requests, from their goroutines.
func (s *server) noteUserChanged() {
	select {
	case s.userChanged <- struct{}{}:
	default: // the loop has not heard of the one before; it will see both
	}
}

// resync answers an INIT on an allocated channel: its transaction is aborted.
func (s *server) resync(ch *channel, r *Report) error {
	if r.length() != nonceSize {
		return s.sendError(ch.id, ctap.ErrInvalidLength)
	}
	s.assembler.Drop()
	s.stalled.Stop()
	if s.current != nil {
		s.current.cancel()
		s.release()
	}
	return s.sendInit(ch.id, ch, r)
}

func (s *server) release() {
	s.current = nil
	s.keepalive.Stop()
}

func (s *server) sendInit(on uint32, ch *channel, r *Report) error {
	data := make([]byte, 0, initReplySize)
	data = append(data, r[initHeader:initHeader+nonceSize]...)
	data = binary.BigEndian.AppendUint32(data, ch.id)
	data = append(data, protocolVersion)
	data = append(data, s.opts.Version[:]...)
	data = append(data, s.capabilities())
	return s.send(on, CommandInit, data)
}

func (s *server) capabilities() (flags byte) {
	versions := s.handler.Versions()
	if s.opts.Wink != nil {
		flags |= CapabilityWink
	}
	if slices.ContainsFunc(versions, func(v string) bool { return strings.HasPrefix(v, "FIDO_") }) {
		flags |= CapabilityCBOR
	}
	if !slices.Contains(versions, ctap.VersionU2F) {
		flags |= CapabilityNoMsg
	}
	return flags
}

// execute acts on a whole message of a channel that may have the device.
func (s *server) execute(ctx context.Context, ch *channel, m *Message) error {
	switch m.Command {
	case CommandPing:
		return s.send(ch.id, CommandPing, m.Data)
	case CommandLock:
		return s.lock(ch, m.Data)
	case CommandWink:
		return s.wink(ch, m.Data)
	case CommandMsg, CommandCBOR:
		if len(m.Data) == 0 {
			return s.sendError(ch.id, ctap.ErrInvalidLength)
		}
		s.start(ctx, ch, m)
		return nil
	}
	return s.sendError(ch.id, ctap.ErrInvalidCommand)
}

func (s *server) lock(ch *channel, data []byte) error {
	switch {
	case len(data) != 1:
		return s.sendError(ch.id, ctap.ErrInvalidLength)
	case data[0] > maxLockSeconds:
		return s.sendError(ch.id, ctap.ErrInvalidParameter)
	case data[0] == 0:
		s.locked = nil
		s.unlock.Stop()
	default:
		s.locked = ch
		s.unlock.Reset(time.Duration(data[0]) * time.Second)
	}
	return s.send(ch.id, CommandLock, nil)
}

func (s *server) wink(ch *channel, data []byte) error {
	switch {
	case s.opts.Wink == nil:
		return s.sendError(ch.id, ctap.ErrInvalidCommand)
	case len(data) != 0:
		return s.sendError(ch.id, ctap.ErrInvalidLength)
	}
	s.opts.Wink()
	return s.send(ch.id, CommandWink, nil)
}

// start makes the message the current request. It runs at once, or once the
// request given up before it has returned: a session has one at a time.
func (s *server) start(ctx context.Context, ch *channel, m *Message) {
	ctx, cancel := context.WithCancel(ctx)
	r := &request{channel: ch, command: m.Command, cancel: cancel}
	r.run = func() {
		defer cancel()
		if m.Command == CommandMsg {
			s.replies <- reply{r, s.handler.ServeU2F(ctx, ch.session, m.Data)}
			return
		}
		s.replies <- reply{r, s.handler.ServeCTAP(ctx, ch.session, m.Data)}
	}
	s.current = r
	s.told = KeepaliveProcessing
	s.keepalive.Reset(keepaliveInterval)
	s.runCurrent()
}

func (s *server) runCurrent() {
	if s.current != nil && s.working == nil {
		s.working = s.current
		go s.current.run()
	}
}

// finish takes the reply of the request that was working. Nobody waits for that
// of a request given up.
func (s *server) finish(r reply) error {
	s.working = nil
	if s.current != r.to {
		s.runCurrent()
		return nil
	}
	s.release()
	return s.send(r.to.channel.id, r.to.command, r.data)
}

// status is what KEEPALIVE says now of the current request.
func (s *server) status() byte {
	if s.current != nil && s.current == s.working && s.current.channel.session.UserNeeded() {
		return KeepaliveUserNeeded
	}
	return KeepaliveProcessing
}

// sendKeepalive tells the current request's status to a CTAP2 client; a U2F
// client would not understand it.
func (s *server) sendKeepalive() error {
	if s.current == nil || s.current.command != CommandCBOR {
		return nil
	}
	s.keepalive.Reset(keepaliveInterval)
	s.told = s.status()
	return s.send(s.current.channel.id, CommandKeepalive, []byte{s.told})
}

func (s *server) sendError(on uint32, status ctap.Status) error {
	return s.send(on, CommandError, []byte{byte(status)})
}

func (s *server) send(on uint32, c Command, data []byte) error {
	if len(data) > ctap.MaxHIDMsgSize {
		return s.sendError(on, ctap.ErrOther)
	}
	return write(s.conn, &Message{on, c, data})
}

func write(conn io.Writer, m *Message) error {
	for r := range m.Reports() {
		if _, err := conn.Write(r[:]); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}
