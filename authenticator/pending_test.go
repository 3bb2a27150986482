package authenticator

import (
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// TestPendingTransitions walks the pending state's machine: what each event
// leaves of a sequence that has just begun under a token.
func TestPendingTransitions(t *testing.T) {
	begun := time.Unix(1_000_000, 0)
	for _, tt := range []struct {
		name string
		do   func(p *pending, tok *token)
		left bool
	}{
		{"begun", func(*pending, *token) {}, true},
		{"almost too late", func(p *pending, tok *token) { p.expire(begun.Add(pendingLimit-1), tok) }, true},
		{"too late", func(p *pending, tok *token) { p.expire(begun.Add(pendingLimit), tok) }, false},
		{"continued in time", func(p *pending, tok *token) {
			p.continued(begun.Add(pendingLimit - 1))
			p.expire(begun.Add(pendingLimit+1), tok)
		}, true},
		{"the clock set back", func(p *pending, tok *token) { p.expire(begun.Add(-time.Second), tok) }, false},
		{"its token ended", func(p *pending, tok *token) { tok.stopUsing(); p.expire(begun, tok) }, false},
		{"its token replaced", func(p *pending, tok *token) {
			tok.beginUsing(begun, pinuv.Two, [32]byte{2}, "usb", false)
			p.expire(begun, tok)
		}, false},
		{"dropped", func(p *pending, _ *token) { p.drop() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, other := new(ctap.Session), new(ctap.Session)
			var tok token
			tok.beginUsing(begun, pinuv.Two, [32]byte{1}, "usb", false)
			var p pending
			p.begin(pendingAssertions, s, begun, tok.serial)
			tt.do(&p, &tok)
			if got := p.of(pendingAssertions, s); got != tt.left {
				t.Errorf("left: %v, want %v", got, tt.left)
			}
			if p.of(pendingAssertions, other) || p.of(pendingBlob, s) {
				t.Error("open to another session or sequence")
			}
		})
	}
}

// TestPendingWipes: the secrets of what was pending go with it.
func TestPendingWipes(t *testing.T) {
	s := new(ctap.Session)
	for name, end := range map[string]func(p *pending){
		"dropped":  (*pending).drop,
		"replaced": func(p *pending) { p.begin(pendingBlob, s, time.Now(), 0) },
	} {
		var p pending
		p.begin(pendingAssertions, s, time.Now(), 0)
		h := &hmacSecret{secret: new(pinuv.SharedSecret), salts: []byte{1, 2, 3}}
		p.assertions.request.extensions.hmacSecret = h
		end(&p)
		if string(h.salts) != "\x00\x00\x00" {
			t.Errorf("%s: salts left in memory", name)
		}
	}
}

// TestPendingWithoutToken: what no token authorised does not end with one.
func TestPendingWithoutToken(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := new(ctap.Session)
	var p pending
	p.begin(pendingBlob, s, now, 0)
	p.expire(now, new(token))
	if !p.of(pendingBlob, s) {
		t.Error("dropped")
	}
}

// TestClosedSession: a session that goes takes its own sequence with it, and
// nobody else's.
func TestClosedSession(t *testing.T) {
	d := newDevice(t, Config{})
	for _, user := range []string{"a", "b", "c"} {
		_, err := d.register(t.Context(), rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
	}
	_, err := d.login(t.Context(), rpID, nil, nil)
	mustBe(t, "sign in", err, nil)
	d.Closed(new(ctap.Session))
	mustBe(t, "next after another session closed", d.send(t.Context(), ctap.CommandGetNextAssertion, nil, nil), nil)
	d.Closed(d.session)
	mustBe(t, "next after the session closed", d.send(t.Context(), ctap.CommandGetNextAssertion, nil, nil), ctap.ErrNotAllowed)
}
