package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Attend has the daemon's questions asked of user, from when it calls attached
// until ctx ends or the daemon stops, which is io.EOF. ErrNotRunning where there
// is no daemon.
func (c Client) Attend(ctx context.Context, user authenticator.User, attached func() error) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r, err := requestUpgrade(conn, consentPath, consentProtocol)
	if err == nil {
		err = attached()
	}
	if err != nil {
		return err
	}
	err = (&attendant{conn: conn, user: user, verdicts: make(chan ctap.Status, 1)}).serve(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// attendant is the terminal's end of an attachment.
type attendant struct {
	conn     net.Conn
	user     authenticator.User
	verdicts chan ctap.Status

	mu sync.Mutex // held to write to conn
}

// serve asks one question at a time: a new one, or none, withdraws the last.
func (a *attendant) serve(ctx context.Context, r *bufio.Reader) error {
	var asking sync.WaitGroup
	withdraw := context.CancelFunc(func() {})
	defer func() { withdraw(); asking.Wait() }()
	for {
		text, err := readField(r, maxAnswer)
		if err != nil {
			return err
		}
		var q question
		if err := json.Unmarshal(text, &q); err != nil {
			return fmt.Errorf("read question: %w", err)
		}
		if q.Verdict != nil {
			select {
			case a.verdicts <- *q.Verdict:
			default:
			}
			continue
		}
		withdraw()
		asking.Wait()
		if q.Operation == 0 {
			continue
		}
		question, cancel := context.WithCancel(ctx)
		if q.Left > 0 {
			question, cancel = context.WithTimeout(ctx, q.Left)
		}
		withdraw = cancel
		asking.Go(func() { a.ask(question, q) })
	}
}

// ask asks, and sends the answer. Where it cannot, the daemon finds out.
func (a *attendant) ask(ctx context.Context, q question) {
	p := q.Prompt
	if q.Verify {
		p.Verify = func(ctx context.Context, pin []byte) error { return a.verify(ctx, q.ID, pin) }
	}
	c, err := a.user.Ask(ctx, p)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		a.conn.Close()
		return
	}
	a.send(reply{ID: q.ID, Present: c.Present, LongTouch: c.LongTouch, Choice: c.Choice})
}

// verify has the daemon judge a PIN.
func (a *attendant) verify(ctx context.Context, id uint64, pin []byte) error {
	if err := a.send(reply{ID: id, PIN: true, pin: pin}); err != nil {
		return err
	}
	select {
	case status := <-a.verdicts:
		switch status {
		case ctap.StatusOK:
			return nil
		case ctap.ErrPINInvalid:
			return keystore.ErrWrongPIN
		}
		return status
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *attendant) send(r reply) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 8+len(text)+len(r.pin)) // never moved, so that clear gets all of it
	b = appendField(appendField(b, text), r.pin)
	defer clear(b)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn.SetWriteDeadline(time.Now().Add(callTime))
	_, err = a.conn.Write(b)
	return err
}
