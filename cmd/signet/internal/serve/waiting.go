package serve

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// waiting holds a device's ceremonies under way. A conditional one waits for
// autofill:
//
//	begin ──► under way ──► done
//	begin, conditional ──► offered ──autofill──► under way
//	offered, under way ──abort, hang-up, device gone──► done
//	abort ──► early ──begin──► done
type waiting struct {
	mu   sync.Mutex
	all  []*pending // the oldest first
	made uint64
	// ended is why no ceremony goes on; nil: they do.
	ended error
	wake  wake // when one is offered
	// early are aborts of ceremonies that had not begun, the oldest first: a page
	// sends both at once, on two connections.
	early []earlyAbort
}

// earlyAbort is an abort that may have come before its ceremony.
type earlyAbort struct {
	id, origin string // of the page; empty: any
	at         time.Time
}

// Early aborts are kept for earlyTime, and not more of them than maxEarly.
const (
	earlyTime = 5 * time.Second
	maxEarly  = 32
)

// pending is one ceremony under way.
type pending struct {
	id, origin string
	cancel     context.CancelCauseFunc
	// picked gets the account that somebody picks; nil where the ceremony is
	// not conditional.
	picked  chan string
	offered bool
}

var (
	errAborted = errors.New("the page aborted it")
	errGone    = errors.New("the device was deleted")
)

// begin gives a context in which the ceremony runs until somebody ends it; done
// has to be called.
func (w *waiting) begin(ctx context.Context, c *ceremony, offer bool) (context.Context, *pending) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &pending{id: c.ID, origin: c.Origin, cancel: cancel, offered: offer}
	if offer {
		p.picked = make(chan string, 1)
	}
	w.mu.Lock()
	w.made++
	if p.id == "" {
		p.id = "c" + strconv.FormatUint(w.made, 10)
	}
	w.all = append(w.all, p)
	switch {
	case w.ended != nil:
		cancel(w.ended)
	case w.abortedEarly(p):
		p.abort()
	}
	w.mu.Unlock()
	if offer {
		w.wake.all()
	}
	return ctx, p
}

// abortedEarly tells whether the abort of a ceremony that begins was there first, and
// forgets it. The caller holds mu.
func (w *waiting) abortedEarly(p *pending) bool {
	i := slices.IndexFunc(w.early, func(e earlyAbort) bool {
		return e.id == p.id && (e.origin == "" || e.origin == p.origin) && time.Since(e.at) < earlyTime
	})
	if i < 0 {
		return false
	}
	w.early = slices.Delete(w.early, i, i+1)
	return true
}

// abort ends the ceremony; autofill offers it no more. The caller holds
// waiting.mu.
func (p *pending) abort() {
	p.offered = false
	p.cancel(errAborted)
}

func (w *waiting) done(p *pending) {
	p.cancel(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.DeleteFunc(w.all, func(other *pending) bool { return other == p })
}

// end ends all ceremonies.
func (w *waiting) end(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = cause
	for _, p := range w.all {
		p.cancel(cause)
	}
}

// abort ends the ceremony of an ID; it reports whether there was one. Where there was
// none it holds for one that begins soon.
func (w *waiting) abort(id, origin string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := false
	for _, p := range w.all {
		if p.id == id && (origin == "" || p.origin == origin) {
			p.abort()
			found = true
		}
	}
	if !found {
		if len(w.early) == maxEarly {
			w.early = slices.Delete(w.early, 0, 1)
		}
		w.early = append(w.early, earlyAbort{id, origin, time.Now()})
	}
	return found
}

// pick has somebody pick a passkey in the newest page that offers to: of an
// origin, where it is not empty. It gives that ceremony's ID.
func (w *waiting) pick(origin, account string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range slices.Backward(w.all) {
		if p.offered && (origin == "" || p.origin == origin) {
			p.offered = false
			p.picked <- account
			return p.id, true
		}
	}
	return "", false
}

// autofillWait is how long autofill waits for a page to offer it, where the
// request does not say; autofillMax is the longest that it may say.
const (
	autofillWait = 5 * time.Second
	autofillMax  = time.Minute
)

// autofill is the person picking a passkey in a page's autofill: it lets the
// newest conditional get go on.
func (s *Server) autofill(w http.ResponseWriter, r *http.Request, d *device) error {
	var b struct {
		Pick   string `json:"pick"`
		Origin string `json:"origin"`
		WaitMs *int   `json:"waitMs"`
	}
	if err := decode(r, &b); err != nil {
		return err
	}
	if b.Origin != "" {
		if err := wellFormed("origin", b.Origin); err != nil {
			return err
		}
	}
	wait := autofillWait
	if b.WaitMs != nil {
		if ms := int64(*b.WaitMs); ms < 0 || ms > autofillMax.Milliseconds() {
			return refusal(http.StatusBadRequest, "body: waitMs is from 0 to %d", autofillMax.Milliseconds())
		}
		wait = time.Duration(*b.WaitMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	for {
		offered := d.waiting.wake.next()
		if id, ok := d.waiting.pick(b.Origin, b.Pick); ok {
			return answer(w, http.StatusOK, map[string]string{"ceremony": id})
		}
		select {
		case <-offered:
		case <-ctx.Done():
			return exception("InvalidStateError", "no page waits in a get with mediation conditional")
		}
	}
}

// abort is the page's AbortSignal.
func (s *Server) abort(w http.ResponseWriter, r *http.Request, d *device) error {
	var b struct {
		ID string `json:"id"`
	}
	if err := decode(r, &b); err != nil {
		return err
	}
	if b.ID == "" {
		return refusal(http.StatusBadRequest, "body: id is missing")
	}
	return answer(w, http.StatusOK, map[string]bool{"aborted": d.waiting.abort(b.ID, pageOrigin(r))})
}
