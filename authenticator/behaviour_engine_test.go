package authenticator_test

import (
	"context"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// enginePort is no door at all: the handler, called.
type enginePort struct {
	handler ctap.Handler
	lines   []*engineLine
}

func openEngine(_ *testing.T, device ctap.Handler) port { return &enginePort{handler: device} }

func (p *enginePort) connect() line {
	l := &engineLine{handler: p.handler, session: &ctap.Session{Transport: "usb", MaxMsgSize: 2048}}
	p.lines = append(p.lines, l)
	return l
}

func (p *enginePort) close() {
	for _, l := range p.lines {
		l.hangUp()
	}
}

type engineLine struct {
	handler ctap.Handler
	session *ctap.Session
	gone    bool

	mu   sync.Mutex
	stop context.CancelFunc
}

func (l *engineLine) ask(request []byte) []byte {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l.mu.Lock()
	l.stop = stop
	l.mu.Unlock()
	return l.handler.ServeCTAP(ctx, l.session, request)
}

func (l *engineLine) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
}

func (l *engineLine) u2f(command []byte) []byte {
	return l.handler.ServeU2F(context.Background(), l.session, command)
}

func (l *engineLine) hangUp() {
	if !l.gone {
		l.gone = true
		l.handler.Closed(l.session)
	}
}
