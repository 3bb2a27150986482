package rptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// IsOrigin tells whether it is a page's origin: a scheme and a host, and a port
// where it is not the scheme's.
func IsOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin
}

func checkOrigin(origin string) error {
	if IsOrigin(origin) {
		return nil
	}
	return fmt.Errorf("origin %q is not like https://login.example", origin)
}

// unreachable tells whether an error is that nobody can be spoken to at the site's
// address, rather than what somebody there does.
func unreachable(err error) bool {
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op != "read" && operation.Op != "write" {
		return true // dial, or a TLS alert
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return untrusted || noTLS || errors.Is(err, http.ErrSchemeMismatch)
}

// maxSilence is how many requests in a row a site may leave without an answer in
// time before an audit asks no more: each costs Site.Timeout.
const maxSilence = 5

// patience is a site, and counts the requests that it has last left without an
// answer.
type patience struct {
	RP
	mu      sync.Mutex
	silent  int
	last    error
	counted time.Time // when silent rose: what began before is of the same silence
}

// Do implements RP.
func (p *patience) Do(ctx context.Context, s *Session, step Step, r Request) (*Answer, error) {
	began := time.Now()
	a, err := p.RP.Do(ctx, s, step, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch unanswered := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; {
	case !unanswered:
		p.silent = 0
	case !began.Before(p.counted):
		p.silent, p.last, p.counted = p.silent+1, err, time.Now()
	}
	return a, err
}

// Hears implements hearer where the site does.
func (p *patience) Hears(step Step, wish string) bool {
	h, ok := p.RP.(hearer)
	return ok && h.Hears(step, wish)
}

// lost is why no further case is played; nil while the site answers.
func (r *run) lost() error {
	p, ok := r.RP.(*patience)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent < maxSilence {
		return nil
	}
	return fmt.Errorf("not played, for %d requests in a row had no answer, the last: %w", p.silent, p.last)
}
