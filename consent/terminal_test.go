package consent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// screen is the far end of a fake terminal: it types and reads what is shown.
type screen struct {
	net.Conn
	mu    sync.Mutex
	shown bytes.Buffer
}

// pipeTTY is a terminal that is one end of a pipe.
type pipeTTY struct{ net.Conn }

func (pipeTTY) hush(bool) (func(), error) { return func() {}, nil }

func newScreen(t *testing.T) (*Terminal, *screen) {
	near, far := net.Pipe()
	s := &screen{Conn: far}
	go func() {
		b := make([]byte, 256)
		for {
			n, err := far.Read(b)
			s.mu.Lock()
			s.shown.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { near.Close(); far.Close() })
	return &Terminal{tty: pipeTTY{near}, Verifies: true}, s
}

// text returns what is shown once everything has come to rest.
func (s *screen) text() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// typeAt types text once d has gone by.
func (s *screen) typeAt(d time.Duration, text string) {
	go func() {
		time.Sleep(d)
		io.WriteString(s, text)
	}()
}

var signIn = authenticator.Prompt{
	Operation: authenticator.SignIn,
	RPID:      "example.com",
	Accounts:  []authenticator.Account{{Name: "alice", DisplayName: "Alice"}},
	Transport: "usb",
	Peer:      &ctap.Peer{UID: 1000, PID: 42, Program: "browser"},
}

func TestTerminalAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, typed string
		present     bool
	}{
		{"yes", "y\n", true},
		{"yes in full", "Yes\r", true},
		{"no", "n\n", false},
		{"empty", "\n", false},
		{"something else", "yo\n", false},
		{"corrected", "n\x7fy\n", true},
		{"line killed", "nnn\x15y\n", true},
		{"end of input", "\x04", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				term, s := newScreen(t)
				s.typeAt(time.Second, tt.typed)
				c, err := term.Ask(t.Context(), signIn)
				if err != nil || c.Present != tt.present || c.Verified {
					t.Errorf("Ask = %+v, %v; want Present %v", c, err, tt.present)
				}
			})
		})
	}
}

// A long touch is a word in full, and what is enough for a short one is not.
func TestTerminalLongTouch(t *testing.T) {
	for _, tt := range []struct {
		typed   string
		present bool
	}{
		{"reset\n", true},
		{" reset \n", true},
		{"y\n", false},
		{"yes\n", false},
		{"\n", false},
		{"rese\n", false},
		{"RESET\n", false},
		{"\x04", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			term, s := newScreen(t)
			s.typeAt(time.Second, tt.typed)
			c, err := term.Ask(t.Context(), authenticator.Prompt{Operation: authenticator.Reset, LongTouch: true})
			if err != nil || c.Present != tt.present || c.LongTouch != tt.present {
				t.Errorf("%q: Ask = %+v, %v; want %v", tt.typed, c, err, tt.present)
			}
			if want := `Type the word "reset"`; !strings.Contains(s.text(), want) {
				t.Errorf("%q is not shown in:\n%s", want, s.text())
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		term, s := newScreen(t)
		s.typeAt(time.Second, "y\n")
		c, err := term.Ask(t.Context(), authenticator.Prompt{Operation: authenticator.Reset})
		if err != nil || !c.Present || c.LongTouch {
			t.Errorf("a short touch: %+v, %v", c, err)
		}
	})
}

func TestTerminalIgnoresTypeAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := newScreen(t)
		start := time.Now()
		s.typeAt(settle-time.Millisecond, "y\n")
		s.typeAt(2*time.Second, "\n")
		c, err := term.Ask(t.Context(), signIn)
		if err != nil || c.Present {
			t.Errorf("Ask = %+v, %v: a key typed before the question stood agreed to it", c, err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("answered after %v", d)
		}
	})
}

func TestTerminalShowsWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := newScreen(t)
		p := signIn
		p.RPID = "bücher.example"
		p.Accounts = []authenticator.Account{{Name: "eve\x1b[2Jroot", DisplayName: "\u202eevE"}}
		s.typeAt(time.Second, "\n")
		if _, err := term.Ask(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		shown := s.text()
		for _, want := range []string{"xn--bcher-kva.example", "sign you in", `eve\x1b[2Jroot`, `\u202eevE`, "browser (pid 42, uid 1000)", "Refused"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q is not shown in:\n%s", want, shown)
			}
		}
		if strings.ContainsAny(shown, "\x1b\u202e") {
			t.Errorf("control characters reach the terminal: %q", shown)
		}
		if strings.Index(shown, "xn--bcher") > strings.Index(shown, "sign you in") {
			t.Errorf("the site does not stand first:\n%s", shown)
		}
	})
}

func TestTerminalIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := newScreen(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		if c, err := term.Ask(ctx, signIn); !errors.Is(err, context.Canceled) || c.Present {
			t.Errorf("Ask = %+v, %v; want context.Canceled", c, err)
		}
		if !strings.Contains(s.text(), "withdrawn") {
			t.Errorf("the person is not told: %q", s.text())
		}
		s.typeAt(time.Second, "y\n")
		if c, err := term.Ask(t.Context(), signIn); err != nil || !c.Present {
			t.Errorf("the next question: %+v, %v", c, err)
		}

		ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if _, err := term.Ask(ctx, signIn); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask = %v; want context.DeadlineExceeded", err)
		}
	})
}

func TestTerminalVerifies(t *testing.T) {
	for _, tt := range []struct {
		name    string
		retries int
		verify  error
		typed   string
		want    authenticator.Consent
		shown   []string
		hidden  string
	}{
		{"right", 8, nil, "123456\n", authenticator.Consent{Present: true, Verified: true}, []string{"8 tries left"}, "Careful"},
		{"wrong", 4, keystore.ErrWrongPIN, "123456\n", authenticator.Consent{Present: true}, []string{"4 tries left", "Wrong PIN: 3 tries left"}, "Careful"},
		{"few left", 3, keystore.ErrWrongPIN, "123456\n", authenticator.Consent{Present: true}, []string{"Careful", "3 tries left", "Wrong PIN: 2 tries left"}, ""},
		{"latched", 6, ctap.ErrPINAuthBlocked, "123456\n", authenticator.Consent{Present: true}, []string{"until signet is started again"}, ""},
		{"blocked", 1, keystore.ErrPINBlocked, "123456\n", authenticator.Consent{Present: true}, []string{"1 try left", "no try is left"}, ""},
		{"refused", 8, nil, "\n", authenticator.Consent{}, []string{"Refused"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				term, s := newScreen(t)
				p := signIn
				p.Retries = tt.retries
				var got string
				p.Verify = func(_ context.Context, pin []byte) error { got = string(pin); return tt.verify }
				s.typeAt(time.Second, tt.typed)
				c, err := term.Ask(t.Context(), p)
				if err != nil || c != tt.want {
					t.Errorf("Ask = %+v, %v; want %+v", c, err, tt.want)
				}
				if tt.want.Present && got != "123456" {
					t.Errorf("checked PIN %q", got)
				}
				shown := s.text()
				for _, want := range tt.shown {
					if !strings.Contains(shown, want) {
						t.Errorf("%q is not shown in:\n%s", want, shown)
					}
				}
				if tt.hidden != "" && strings.Contains(shown, tt.hidden) {
					t.Errorf("%q is shown in:\n%s", tt.hidden, shown)
				}
				if strings.Contains(shown, "123456") {
					t.Errorf("the PIN is shown:\n%s", shown)
				}
			})
		})
	}
}

func TestTerminalChooses(t *testing.T) {
	for typed, want := range map[string]authenticator.Consent{
		"2\n": {Present: true, Choice: 1},
		"3\n": {},
		"0\n": {},
		"y\n": {},
		"\n":  {},
	} {
		synctest.Test(t, func(t *testing.T) {
			term, s := newScreen(t)
			p := signIn
			p.Accounts = []authenticator.Account{{Name: "alice"}, {Name: "bob"}}
			s.typeAt(time.Second, typed)
			if c, err := term.Ask(t.Context(), p); err != nil || c != want {
				t.Errorf("Ask after %q = %+v, %v; want %+v", typed, c, err, want)
			}
		})
	}
}

func TestTerminalReadsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := newScreen(t)
		s.typeAt(0, "over\nsecret\n")
		if line, err := term.ReadLine(t.Context(), "name: "); err != nil || line != "over" {
			t.Errorf("ReadLine = %q, %v", line, err)
		}
		if line, err := term.ReadSecret(t.Context(), "PIN: "); err != nil || string(line) != "secret" {
			t.Errorf("ReadSecret = %q, %v", line, err)
		}
		if shown := s.text(); shown != "name: over\nPIN: \n" {
			t.Errorf("shown %q", shown)
		}
	})
}

func TestPolicy(t *testing.T) {
	for _, approve := range []bool{true, false} {
		c, err := Policy{Approve: approve}.Ask(t.Context(), signIn)
		if err != nil || c != (authenticator.Consent{Present: approve}) {
			t.Errorf("Ask under %v = %+v, %v", approve, c, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := (Policy{Approve: true}).Ask(ctx, signIn); !errors.Is(err, context.Canceled) || c.Present {
		t.Errorf("a question that was withdrawn got %+v, %v", c, err)
	}
}
