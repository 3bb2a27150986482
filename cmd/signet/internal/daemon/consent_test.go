package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/keystore"
)

// answers is a person who answers as a test says.
type answers func(context.Context, authenticator.Prompt) (authenticator.Consent, error)

func (f answers) Ask(ctx context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
	return f(ctx, p)
}

// attended runs a daemon that asks on attached terminals.
func attended(t *testing.T) (*Daemon, *Attended) {
	d := newDaemon(t)
	d.Attended = &Attended{Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	started, ended, ready := make(chan struct{}), make(chan error), d.Ready
	d.Ready = func() error { close(started); return ready() }
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-started
	return d, d.Attended
}

// attach attaches a person; leave has them leave, and waits.
func attach(t *testing.T, d *Daemon, p answers) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	there, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- Client{d.Control}.Attend(ctx, p, func() error { close(there); return nil })
	}()
	<-there
	d.awaitAttached(true) // the daemon is on its way from the upgrade
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the terminal ends with %v", err)
		}
		d.awaitAttached(false)
	}
}

func (d *Daemon) awaitAttached(there bool) {
	for d.Attended.Attached() != there {
		time.Sleep(time.Millisecond)
	}
}

func TestAttended(t *testing.T) {
	d, u := attended(t)
	ask := authenticator.Prompt{Operation: authenticator.SignIn, RPID: "example.com",
		Accounts: []authenticator.Account{{Name: "alice"}, {Name: "bob"}}, Transport: "tcp"}
	if c, err := u.Ask(t.Context(), ask); !errors.Is(err, errNobody) || c.Present {
		t.Errorf("while nobody is there: %+v, %v", c, err)
	}

	answer := authenticator.Consent{}
	leave := attach(t, d, func(_ context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
		if p.Operation != ask.Operation || p.RPID != ask.RPID || len(p.Accounts) != 2 || p.Accounts[1].Name != "bob" || p.Transport != "tcp" || p.Verify != nil {
			t.Errorf("asked %+v", p)
		}
		return answer, nil
	})
	if err := (Client{d.Control}).Attend(t.Context(), answers(nil), func() error { return nil }); err == nil {
		t.Error("a second terminal is attached")
	}
	for _, answer = range []authenticator.Consent{{}, {Present: true, Choice: 1}} {
		if c, err := u.Ask(t.Context(), ask); err != nil || c != answer {
			t.Errorf("answered %+v: %+v, %v", answer, c, err)
		}
	}
	// What the terminal claims without having been asked is no proof.
	answer = authenticator.Consent{Present: true, Verified: true, LongTouch: true}
	if c, err := u.Ask(t.Context(), ask); err != nil || c.Verified || c.LongTouch {
		t.Errorf("it claims verification: %+v, %v", c, err)
	}
	leave()
	if _, err := u.Ask(t.Context(), ask); !errors.Is(err, errNobody) {
		t.Errorf("after it has left: %v", err)
	}
}

func TestAttendedPIN(t *testing.T) {
	d, u := attended(t)
	typed := ""
	defer attach(t, d, func(ctx context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
		err := p.Verify(ctx, []byte(typed))
		if (typed == "right") != (err == nil) || err != nil && !errors.Is(err, keystore.ErrWrongPIN) {
			t.Errorf("%q: the verdict is %v", typed, err)
		}
		return authenticator.Consent{Present: true, Verified: true}, nil
	})()
	for _, typed = range []string{"wrong", "right", "wrong"} {
		p := authenticator.Prompt{Operation: authenticator.Register, Retries: 8, Verify: func(_ context.Context, pin []byte) error {
			if string(pin) != "right" {
				return keystore.ErrWrongPIN
			}
			return nil
		}}
		if c, err := u.Ask(t.Context(), p); err != nil || !c.Present || c.Verified != (typed == "right") {
			t.Errorf("%q: %+v, %v", typed, c, err)
		}
	}
}

// TestAttendedWithdrawn: a client that goes takes its question with it, and a
// terminal that goes its answer.
func TestAttendedWithdrawn(t *testing.T) {
	d, u := attended(t)
	asked, withdrawn := make(chan struct{}, 1), make(chan struct{}, 1)
	leave := attach(t, d, func(ctx context.Context, _ authenticator.Prompt) (authenticator.Consent, error) {
		asked <- struct{}{}
		<-ctx.Done()
		withdrawn <- struct{}{}
		return authenticator.Consent{Present: true}, ctx.Err()
	})
	p := authenticator.Prompt{Operation: authenticator.SignIn, RPID: "example.com"}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if c, err := u.Ask(ctx, p); !errors.Is(err, context.Canceled) || c.Present {
		t.Errorf("withdrawn: %+v, %v", c, err)
	}
	<-withdrawn
	go func() { <-asked; leave() }()
	if c, err := u.Ask(t.Context(), p); !errors.Is(err, errNobody) || c.Present {
		t.Errorf("the terminal leaves: %+v, %v", c, err)
	}
	<-withdrawn
}

// TestAttendedElsewhere: a daemon that asks elsewhere attaches nobody.
func TestAttendedElsewhere(t *testing.T) {
	d := newDaemon(t)
	ctx, cancel := context.WithCancel(t.Context())
	started, ended, ready := make(chan struct{}), make(chan error), d.Ready
	d.Ready = func() error { close(started); return ready() }
	go func() { ended <- d.Run(ctx) }()
	<-started
	err := Client{d.Control}.Attend(t.Context(), answers(nil), func() error { t.Error("attached"); return io.EOF })
	if err == nil {
		t.Error("no error")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// FuzzReadReply: what a terminal sends is a whole reply or an error.
func FuzzReadReply(f *testing.F) {
	f.Add(appendField(appendField(nil, []byte(`{"ID":1,"PIN":true}`)), []byte("493817")))
	f.Add(appendField(nil, []byte(`{"ID":1,"Present":true}`)))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readReply(bytes.NewReader(b))
		if err == nil && len(r.pin) > maxPIN {
			t.Errorf("a PIN of %d bytes", len(r.pin))
		}
	})
}
