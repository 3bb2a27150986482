package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A device without a terminal asks on one that is attached over the control
// socket. After the upgrade, each part behind its length as in an owner's call:
//
//	daemon   question in JSON ──> terminal   PIN ──> daemon   verdict in JSON ──> ...
//	         └────────────────────────────── ... or the answer in JSON ──> daemon
//	daemon   question without an operation: the last one is withdrawn
//
// What the terminal sends is in two parts, a reply in JSON and a PIN, which is
// empty but where the reply says that it is one.
const (
	consentPath     = "/v1/consent"
	consentProtocol = "signet-consent/1"
)

var (
	errNobody   = errors.New("no terminal is attached: attach one with signet consent")
	errAttached = errors.New("another terminal is attached")
)

// question is a Prompt as the terminal gets it.
type question struct {
	authenticator.Prompt
	ID     uint64
	Verify bool          // a PIN is asked for
	Left   time.Duration // until nobody waits for the answer
	// Verdict is on the PIN that was sent, in place of a question.
	Verdict *ctap.Status `json:",omitempty"`
}

// reply is what the terminal sends.
type reply struct {
	ID        uint64
	PIN       bool // a PIN follows, and no answer yet
	Present   bool
	LongTouch bool
	Choice    int

	pin []byte
}

// Attended asks the person at the terminal that is attached. While there is none
// it asks nobody, so every question is refused.
type Attended struct {
	// Verifies tells that PINs may be typed there.
	Verifies bool
	// Log hears of terminals that come and go.
	Log *slog.Logger

	mu       sync.Mutex
	terminal *attachment // nil: there is none
	last     uint64      // question's ID
}

// attachment is a terminal that is there.
type attachment struct {
	conn    net.Conn
	replies chan reply
	gone    chan struct{}
}

// CanVerify reports whether PINs may be typed.
func (u *Attended) CanVerify() bool { return u.Verifies }

// Attached reports whether there is a terminal.
func (u *Attended) Attached() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.terminal != nil
}

// Ask puts the question. Verified follows from p.Verify here, whatever the
// terminal says.
func (u *Attended) Ask(ctx context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
	u.mu.Lock()
	t := u.terminal
	u.last++
	q := question{Prompt: p, ID: u.last, Verify: p.Verify != nil}
	u.mu.Unlock()
	if t == nil {
		return authenticator.Consent{}, errNobody
	}
	if end, ok := ctx.Deadline(); ok {
		q.Left = time.Until(end)
	}
	if err := t.send(q); err != nil {
		return authenticator.Consent{}, err
	}
	return t.await(ctx, q)
}

// await waits for the answer to a question.
func (t *attachment) await(ctx context.Context, q question) (c authenticator.Consent, err error) {
	for {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return authenticator.Consent{}, ctx.Err() // the terminal knows, by Left
			}
			return authenticator.Consent{}, errors.Join(ctx.Err(), t.send(question{ID: q.ID}))
		case <-t.gone:
			return authenticator.Consent{}, errNobody
		case r := <-t.replies:
			switch {
			case r.ID != q.ID: // to a question that was withdrawn
			case !r.PIN:
				c.Present, c.LongTouch, c.Choice = r.Present, r.LongTouch && q.LongTouch, r.Choice
				c.Verified = c.Verified && r.Present
				return c, nil
			case q.Verify:
				q.Verify = false // one PIN a question
				status, err := verdict(q.Prompt.Verify(ctx, r.pin))
				if err == nil {
					c.Verified = status == ctap.StatusOK
					err = t.send(question{ID: q.ID, Verdict: &status})
				}
				if err != nil {
					clear(r.pin)
					return authenticator.Consent{}, err
				}
			}
			clear(r.pin)
		}
	}
}

// verdict puts what Verify says into the standard's words.
func verdict(err error) (ctap.Status, error) {
	switch {
	case errors.Is(err, keystore.ErrWrongPIN):
		return ctap.ErrPINInvalid, nil
	case errors.Is(err, keystore.ErrPINBlocked):
		return ctap.ErrPINBlocked, nil
	case err == nil || ctap.StatusOf(err) == ctap.ErrPINAuthBlocked || ctap.StatusOf(err) == ctap.ErrPINBlocked:
		return ctap.StatusOf(err), nil
	}
	return ctap.ErrOther, fmt.Errorf("check the PIN: %w", err)
}

func (t *attachment) send(q question) error {
	text, err := json.Marshal(q)
	if err == nil {
		t.conn.SetWriteDeadline(time.Now().Add(callTime))
		_, err = t.conn.Write(appendField(nil, text))
	}
	if err != nil {
		return fmt.Errorf("ask on the attached terminal: %w", err)
	}
	return nil
}

// attach serves a terminal until it leaves or ctx ends.
func (u *Attended) attach(ctx context.Context, conn net.Conn) error {
	t := &attachment{conn: conn, replies: make(chan reply), gone: make(chan struct{})}
	u.mu.Lock()
	busy := u.terminal != nil
	if !busy {
		u.terminal = t
	}
	u.mu.Unlock()
	if busy {
		return errAttached
	}
	u.Log.Info("a terminal is attached: questions are asked there")
	defer func() {
		u.mu.Lock()
		u.terminal = nil
		u.mu.Unlock()
		close(t.gone)
		u.Log.Warn("the terminal has left: nobody can be asked")
	}()
	for {
		r, err := readReply(conn)
		if err != nil {
			return err
		}
		select {
		case t.replies <- r:
		case <-time.After(time.Second): // no question is under way
			clear(r.pin)
		case <-ctx.Done():
			clear(r.pin)
			return ctx.Err()
		}
	}
}

func readReply(conn io.Reader) (r reply, err error) {
	text, err := readField(conn, maxCall)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil {
		r.pin, err = readField(conn, maxPIN)
	}
	return r, err
}

// handleConsent attaches a terminal.
func (d *Daemon) handleConsent(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	switch {
	case d.Attended == nil:
		http.Error(w, "this signet asks elsewhere", http.StatusConflict)
		return
	case d.Attended.Attached():
		http.Error(w, errAttached.Error(), http.StatusConflict)
		return
	}
	conn, err := upgrade(w, r, consentProtocol)
	if err != nil {
		d.Log.Debug("no terminal was attached", "error", err)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	if err := d.Attended.attach(ctx, conn); err != nil {
		d.Log.Debug("the attached terminal has left", "error", err)
	}
}
