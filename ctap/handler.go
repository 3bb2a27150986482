package ctap

import (
	"context"
	"sync/atomic"
)

// A Handler is an authenticator as its doors see it: bytes in, bytes out.
// Implementations are safe for concurrent use by any number of sessions;
// one session sends one request at a time.
type Handler interface {
	// ServeCTAP answers one CTAP2 request: a command byte followed by its
	// CBOR parameters (§6). The reply starts with the status byte (§8.2).
	// It never fails and never returns an empty reply. Cancelling ctx while
	// a person is being asked ends the request with ErrKeepaliveCancel.
	ServeCTAP(ctx context.Context, s *Session, req []byte) (resp []byte)
	// ServeU2F answers one CTAP1/U2F APDU, short or extended. The reply ends
	// with the status word SW1 SW2. It never waits for a person: while a
	// touch is missing it answers SW 6985 and the client asks again.
	ServeU2F(ctx context.Context, s *Session, apdu []byte) (resp []byte)
	// Versions lists the protocol versions spoken now, as getInfo does
	// (§6.4): INIT's capability flags and SELECT's answer follow from it.
	Versions() []string
	// Closed tells that the client behind s has gone: whatever was bound to
	// the session is forgotten and its prompt, if any, is taken away.
	Closed(s *Session)
}

// A Session is one client's channel to the authenticator: a CTAPHID channel,
// a smart-card session, a caller in the same process. Sessions are compared by
// pointer. The exported fields are set before the first request and constant
// afterwards.
type Session struct {
	// Transport is the door's name as getInfo member transports spells it:
	// "usb", "nfc", "ble", "smart-card", "hybrid" or "internal". Token limits
	// and transportsForReset follow from it.
	Transport string
	// Door is how the client came in, as a person is told: "tcp", where
	// Transport is the "usb" that it stands for. "" means Transport.
	Door string
	// MaxMsgSize is the longest request in bytes that the door can carry; 0
	// means DefaultMaxMsgSize. getInfo member maxMsgSize answers with it.
	MaxMsgSize int
	// Peer is who is at the other end, where the door can tell; nil elsewhere.
	Peer *Peer
	// UserChanged, where set, is called after each change of UserNeeded. It
	// must not block.
	UserChanged func()

	userNeeded atomic.Bool
}

// A Peer identifies the process behind a session. It is for display only: a
// process can change its name, and its ID can be taken over by another.
type Peer struct {
	UID, PID int
	Program  string
}

// SetUserNeeded records whether the authenticator is waiting for a person on
// behalf of this session. Safe for concurrent use.
func (s *Session) SetUserNeeded(needed bool) {
	if s.userNeeded.Swap(needed) != needed && s.UserChanged != nil {
		s.UserChanged()
	}
}

// UserNeeded reports whether a person is being asked on behalf of this session;
// it chooses between KEEPALIVE's two status values (§11.2.9.1.7). Safe for
// concurrent use.
func (s *Session) UserNeeded() bool { return s.userNeeded.Load() }

// RequestLimit returns the longest request in bytes that the session may carry.
func (s *Session) RequestLimit() int {
	if s.MaxMsgSize == 0 {
		return DefaultMaxMsgSize
	}
	return s.MaxMsgSize
}
