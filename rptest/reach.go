package rptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/rptest/explain"
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

// audited is a site as an audit speaks to it. It counts the requests that the site has
// last left without an answer, and a rate limit is no answer to a ceremony.
type audited struct {
	RP
	mu      sync.Mutex
	silent  int
	last    error
	counted time.Time // when silent rose: what began before is of the same silence
	vain    bool      // the site had too many requests after the pause that it asked for
}

// Do implements RP: errLimited where the site has too many requests.
func (a *audited) Do(ctx context.Context, s *Session, step Step, r Request) (*Answer, error) {
	answer, err := a.ask(ctx, s, step, r)
	if err != nil || !answer.limited() {
		return answer, err
	}
	if a.pause(ctx, answer, r) {
		before := answer.Exchanges
		if answer, err = a.ask(ctx, s, step, r); answer != nil {
			answer.Exchanges = slices.Concat(before, answer.Exchanges)
		}
		if err != nil || !answer.limited() {
			return answer, err
		}
		a.mu.Lock()
		a.vain = true
		a.mu.Unlock()
	}
	_, said := answer.verdict()
	return answer, fmt.Errorf("%s: %w", step, naming(answer.Exchanges, fmt.Errorf("%s; %w", said, errLimited)))
}

// ask takes a step once, and counts silence.
func (a *audited) ask(ctx context.Context, s *Session, step Step, r Request) (*Answer, error) {
	began := time.Now()
	answer, err := a.RP.Do(ctx, s, step, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch unanswered := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; {
	case !unanswered:
		a.silent = 0
	case !began.Before(a.counted):
		a.silent, a.last, a.counted = a.silent+1, err, time.Now()
	}
	return answer, err
}

// Hears implements hearer where the site does.
func (a *audited) Hears(step Step, wish string) bool {
	h, ok := a.RP.(hearer)
	return ok && h.Hears(step, wish)
}

// lost is why no further case is played; nil while the site answers.
func (r *run) lost() error {
	a, ok := r.RP.(*audited)
	if !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.silent < maxSilence {
		return nil
	}
	return fmt.Errorf("not played, for %d requests in a row had no answer, the last: %w", a.silent, a.last)
}

// refusedAlike is in which words the site refuses the registrations of people whose
// devices differ in all that a policy may be about: "" where it takes one, differs, has
// too many requests, or where no case is about registered people.
func (r *run) refusedAlike(ctx context.Context, cases []Case) (refusal string) {
	if !slices.ContainsFunc(cases, func(c Case) bool {
		return c.Kind != Options && c.NotRun == "" && (r.Slow || !c.Slow) && c.missingStep(r.RP) == "" && r.missingTrust(c) == ""
	}) {
		return ""
	}
	for i, c := range []Case{
		{},
		{Device: DeviceConfig{Personality: Hardware}},
		{Device: DeviceConfig{Personality: Windows}, Needs: []Need{NeedAttestation}},
	} {
		c.ID, c.Kind = "first", Registering
		a := r.attempt(ctx, c, strconv.Itoa(i))
		words := a.detail
		switch {
		case errors.Is(a.err, errNotApplicable{NeedAttestation}):
			continue
		case a.err == nil && a.outcome == Accepted, errors.Is(a.err, errLimited), ctx.Err() != nil:
			return ""
		case a.err != nil:
			words = a.err.Error()
		default:
			words = naming(a.evidence.Exchanges, errors.New(words)).Error()
		}
		if i > 0 && words != refusal {
			return ""
		}
		refusal = words
	}
	return explain.VisibleLines(refusal)
}

// elsewhere is where a site's pages may be that were taken to be at an origin: at the
// site's address, if that may have the same RP ID.
func elsewhere(rp RP, origin string) string {
	taken, err := url.Parse(origin)
	if err != nil {
		return "https://..."
	}
	if site, ok := rp.(*Site); ok {
		base, err := url.Parse(site.mapping.Base)
		if err == nil && (base.Host != taken.Host || base.Scheme != taken.Scheme) && strings.HasSuffix("."+base.Hostname(), "."+taken.Hostname()) {
			return base.Scheme + "://" + base.Host
		}
	}
	if taken.Hostname() == "localhost" {
		return "http://localhost:8080"
	}
	return "https://..."
}
