package authenticator

import (
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// pendingKind says which sequence of commands is under way.
type pendingKind int

const (
	pendingNothing     pendingKind = iota
	pendingAssertions              // getAssertion, then getNextAssertion
	pendingEnumeration             // credentialManagement's Begin, then its GetNext
	pendingBlob                    // largeBlobs' fragments
)

// pending is the state that one command leaves for the next (§6, "stateful
// commands"). There is one at a time, owned by one session.
//
//	          first command of a sequence
//	nothing ------------------------------> kind
//	   ^                                     |  continuation: 30 s more
//	   |  30 s, another command of the session, session closed,
//	   |  its token ended, last item delivered, lock, reset
//	   +-------------------------------------+
type pending struct {
	kind     pendingKind
	session  *ctap.Session
	deadline time.Time
	token    uint64 // serial of the token that authorised it; 0: none did

	assertions  assertions
	enumeration enumeration
	blob        blobWrite
}

const pendingLimit = 30 * time.Second

// begin replaces whatever was pending.
func (p *pending) begin(kind pendingKind, s *ctap.Session, now time.Time, token uint64) {
	p.drop()
	*p = pending{kind: kind, session: s, deadline: now.Add(pendingLimit), token: token}
}

// continued restarts the time limit.
func (p *pending) continued(now time.Time) { p.deadline = now.Add(pendingLimit) }

// drop forgets, and wipes the secrets of extension inputs.
func (p *pending) drop() {
	p.assertions.request.extensions.wipe()
	*p = pending{}
}

// expire drops what is too old, and what was authorised by a token that ended.
func (p *pending) expire(now time.Time, t *token) {
	left := p.deadline.Sub(now)
	if p.kind == pendingNothing {
		return
	}
	if left <= 0 || left > pendingLimit || p.token != 0 && (!t.inUse || t.serial != p.token) {
		p.drop()
	}
}

// of reports whether s may continue a sequence of this kind.
func (p *pending) of(kind pendingKind, s *ctap.Session) bool {
	return p.kind == kind && p.session == s
}

// blobWrite is a large-blob array on its way in (§6.10.2).
type blobWrite struct {
	expectedLength uint64
	data           []byte
}
