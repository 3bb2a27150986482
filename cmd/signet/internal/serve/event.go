package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Event is one line of a device's log. Which members there are depends on the
// type.
type Event struct {
	Seq  uint64    `json:"seq"` // from 1
	Time time.Time `json:"time"`
	// Type is begin or end, of a ceremony; signal; credential, where one was
	// put on the device, changed or removed over HTTP; or reset.
	Type string `json:"type"`

	Ceremony    string          `json:"ceremony,omitempty"` // begin and its end have the same
	Kind        string          `json:"kind,omitempty"`     // create, get; the signal's; added, changed, removed
	Origin      string          `json:"origin,omitempty"`
	TopOrigin   string          `json:"topOrigin,omitempty"`
	CrossOrigin bool            `json:"crossOrigin,omitempty"`
	Mediation   string          `json:"mediation,omitempty"`
	Options     json.RawMessage `json:"options,omitempty"`
	Mutations   []string        `json:"mutations,omitempty"`
	Error       *Error          `json:"error,omitempty"`
	// Credential is the response as the page gets it. One that a fault made
	// something else than JSON of is a string.
	Credential   json.RawMessage `json:"credential,omitempty"`
	CredentialID string          `json:"credentialId,omitempty"`
}

// Limits of a log: what is longer than maxLogged bytes is left out of it, and of
// what a page names, and of what is said of it, not more than maxText is in it.
const (
	maxEvents = 256
	maxLogged = 64 << 10
	maxText   = 4 << 10
)

// log holds the last events of a device. Its zero value is ready.
type log struct {
	mu     sync.Mutex
	events []Event // of number n at (n-1) % maxEvents
	last   uint64
	closed bool
	wake   wake // at each event, and at the end
	end    wake
}

func (l *log) add(e Event) {
	if len(e.Options) > maxLogged {
		e.Options = nil
	}
	if len(e.Credential) > maxLogged {
		e.Credential = nil
	}
	for _, text := range []*string{&e.Ceremony, &e.Origin, &e.TopOrigin, &e.Mediation, &e.CredentialID} {
		shorten(text)
	}
	if e.Error != nil {
		told := *e.Error
		shorten(&told.Message)
		e.Error = &told
	}
	e.Time = time.Now().UTC()
	l.mu.Lock()
	l.last++
	e.Seq = l.last
	if len(l.events) < maxEvents {
		l.events = append(l.events, e)
	} else {
		l.events[(e.Seq-1)%maxEvents] = e
	}
	l.mu.Unlock()
	l.wake.all()
}

func shorten(text *string) {
	if len(*text) > maxText {
		*text = strings.Clone((*text)[:maxText])
	}
}

// close ends the streams.
func (l *log) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake.all()
	l.end.all()
}

// newest is the number of the last event.
func (l *log) newest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// after lists the events kept that are newer than one, the oldest first and at most
// limit, and whether more may come.
func (l *log) after(seq uint64, limit int) (newer []Event, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = max(seq, l.last-uint64(len(l.events)))
	for ; seq < l.last && len(newer) < limit; seq++ {
		newer = append(newer, l.events[seq%maxEvents])
	}
	return newer, !l.closed
}

// encode writes an event in JSON.
func (e Event) encode() ([]byte, error) {
	if len(e.Credential) > 0 && !json.Valid(e.Credential) {
		text, err := json.Marshal(string(e.Credential))
		if err != nil {
			return nil, err
		}
		e.Credential = text
	}
	return json.Marshal(e)
}

// events serves the log: as server-sent events to who accepts those, those kept
// first and then each as it comes; to others those kept, as a JSON array.
func (s *Server) events(w http.ResponseWriter, r *http.Request, d *device) error {
	after, err := lastEvent(r)
	if err != nil {
		return err
	}
	after = min(after, d.log.newest()) // the client may have seen another service's
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		kept, _ := d.log.after(after, maxEvents)
		list := make([]json.RawMessage, len(kept))
		for i, e := range kept {
			if list[i], err = e.encode(); err != nil {
				return err
			}
		}
		return answer(w, http.StatusOK, list)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close") // its write deadline stays
	w.WriteHeader(http.StatusOK)
	_ = d.log.stream(w, r, after) // the client is gone
	return nil
}

// lastEvent is the number of the event that the client has seen last.
func lastEvent(r *http.Request) (uint64, error) {
	seen := r.Header.Get("Last-Event-ID")
	if after := r.URL.Query().Get("after"); after != "" && seen == "" {
		seen = after
	}
	if seen == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(seen, 10, 64)
	if err != nil {
		return 0, refusal(http.StatusBadRequest, "the event %q is no number", seen)
	}
	return n, nil
}

// heartbeat is how often a stream says that it lives. Its client has unreadTime to
// read what is written, and lastTime where that is the last.
const (
	heartbeat  = 15 * time.Second
	unreadTime = 30 * time.Second
	lastTime   = time.Second
)

// maxAhead is how many events a stream takes from the log at a time: it holds them
// in memory while its client reads.
const maxAhead = 16

// stream writes events until the client goes or reads no more, or the device or the
// service goes.
func (l *log) stream(w http.ResponseWriter, r *http.Request, after uint64) error {
	out := reader{ResponseWriter: w, connection: http.NewResponseController(w)}
	defer out.hurryAt(r.Context().Done(), l.end.next())()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changed := l.wake.next()
		newer, open := l.after(after, maxAhead)
		for _, e := range newer {
			data, err := e.encode()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(&out, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data); err != nil {
				return err
			}
			after = e.Seq
		}
		if err := out.flush(); err != nil {
			return err
		}
		if len(newer) == maxAhead { // there may be more
			continue
		}
		if !open {
			return nil
		}
		select {
		case <-changed:
		case <-beat.C:
			if _, err := fmt.Fprint(&out, ": alive\n\n"); err != nil {
				return err
			}
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// reader is the client of a stream, who has to read in time.
type reader struct {
	http.ResponseWriter
	connection *http.ResponseController

	mu      sync.Mutex
	hurried bool
}

// allow gives the client time for what is written next.
func (c *reader) allow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hurried {
		_ = c.connection.SetWriteDeadline(time.Now().Add(unreadTime)) // the service's own connections have one
	}
}

func (c *reader) Write(p []byte) (int, error) {
	c.allow()
	return c.ResponseWriter.Write(p)
}

func (c *reader) flush() error {
	c.allow()
	return c.connection.Flush()
}

// hurryAt gives the client lastTime for all that is left, once one of the channels
// is closed or stop is called, which has to be.
func (c *reader) hurryAt(one, other <-chan struct{}) (stop func()) {
	stopped, hurried := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(hurried)
		select {
		case <-one:
		case <-other:
		case <-stopped:
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.hurried = true
		_ = c.connection.SetWriteDeadline(time.Now().Add(lastTime))
	}()
	return func() {
		close(stopped)
		<-hurried
	}
}
