package consent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

const (
	// settle is how long a question stands before keys count: what was typed
	// for another program must not agree to it.
	settle = 500 * time.Millisecond
	// maxLine is the longest line in bytes that is taken from a person.
	maxLine = 1024
)

// A Terminal asks on a terminal. It shows the site first, then the operation,
// the account and the program that asks, and takes anything but "y" as a
// refusal; where a long touch is wanted, anything but the operation's name in
// full. Safe for concurrent use: questions wait for each other.
type Terminal struct {
	// Verifies tells that PINs may be typed here, so that the device has
	// built-in user verification. Set it before the first question.
	Verifies bool

	mu  sync.Mutex // one question at a time
	tty tty
}

// tty is what a Terminal needs of a terminal.
type tty interface {
	io.ReadWriteCloser
	// SetReadDeadline interrupts a Read.
	SetReadDeadline(t time.Time) error
	// hush stops echo and line editing until restore.
	hush(flush bool) (restore func(), err error)
}

// CanVerify reports whether PINs may be typed here.
func (t *Terminal) CanVerify() bool { return t.Verifies }

// Close closes the terminal; a question that is open ends with an error.
func (t *Terminal) Close() error { return t.tty.Close() }

// Ask puts the question and waits for the answer or the end of ctx. Where the
// prompt asks for verification it takes the PIN in place of "y"; one wrong PIN
// ends the question.
func (t *Terminal) Ask(ctx context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	restore, err := t.tty.hush(true)
	if err != nil {
		return authenticator.Consent{}, err
	}
	defer restore()
	c, err := t.ask(ctx, p)
	if err == io.EOF {
		c, err = authenticator.Consent{}, nil // Ctrl-D refuses
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		t.print("\n  Nobody answered in time.\n")
	case ctx.Err() != nil:
		t.print("\n  The question was withdrawn.\n")
	case err == nil && !c.Present:
		t.print("  Refused.\n")
	}
	return c, err
}

func (t *Terminal) ask(ctx context.Context, p authenticator.Prompt) (c authenticator.Consent, err error) {
	if err := t.print(question(p)); err != nil {
		return c, err
	}
	if len(p.Accounts) > 1 {
		choice, err := t.choose(ctx, len(p.Accounts), time.Now().Add(settle))
		if err != nil || choice < 0 {
			return c, err
		}
		c.Choice, c.Present = choice, true
	}
	if p.Verify != nil {
		return t.verify(ctx, p, c)
	}
	if c.Present {
		return c, nil
	}
	if p.LongTouch {
		return t.longTouch(ctx, p)
	}
	if err := t.print("  Agree? [y/N] "); err != nil {
		return c, err
	}
	answer, err := t.line(ctx, true, time.Now().Add(settle))
	if err != nil {
		return c, err
	}
	c.Present = agrees(answer)
	return c, nil
}

// longTouch takes the operation's name, typed in full, for a touch that is held.
// A terminal tells which keys are pressed and not for how long; what holding is
// for, that no single key pressed by mistake agrees, a word does as well.
func (t *Terminal) longTouch(ctx context.Context, p authenticator.Prompt) (c authenticator.Consent, err error) {
	word := p.Operation.String()
	if err := t.print(fmt.Sprintf("  This device wants a long touch for it. Type the word %q to agree: ", word)); err != nil {
		return c, err
	}
	answer, err := t.line(ctx, true, time.Now().Add(settle))
	if err != nil {
		return c, err
	}
	c.Present = strings.TrimSpace(string(answer)) == word
	c.LongTouch = c.Present
	return c, nil
}

func agrees(answer []byte) bool {
	s := strings.ToLower(strings.TrimSpace(string(answer)))
	return s == "y" || s == "yes"
}

// choose returns the index of the chosen account, below 0 for none.
func (t *Terminal) choose(ctx context.Context, n int, deaf time.Time) (int, error) {
	if err := t.print(fmt.Sprintf("  Which account? [1-%d, Enter refuses] ", n)); err != nil {
		return -1, err
	}
	answer, err := t.line(ctx, true, deaf)
	if err != nil {
		return -1, err
	}
	i, err := strconv.Atoi(strings.TrimSpace(string(answer)))
	if err != nil || i < 1 || i > n {
		return -1, nil
	}
	return i - 1, nil
}

// verify takes a PIN: typing it is the agreement, an empty line refuses.
func (t *Terminal) verify(ctx context.Context, p authenticator.Prompt, c authenticator.Consent) (authenticator.Consent, error) {
	c.Present = false
	if p.Retries <= authenticator.FewRetries {
		t.print("  Careful: when no PIN try is left, only a reset helps, and it erases every passkey.\n")
	}
	if err := t.print(fmt.Sprintf("  PIN (%s left, Enter refuses): ", tries(p.Retries))); err != nil {
		return c, err
	}
	pin, err := t.line(ctx, false, time.Now().Add(settle))
	defer clear(pin)
	if err != nil || len(pin) == 0 {
		return c, err
	}
	c.Present = true
	err = p.Verify(ctx, pin)
	switch {
	case err == nil:
		c.Verified = true
	case errors.Is(err, keystore.ErrPINBlocked), ctap.StatusOf(err) == ctap.ErrPINBlocked:
		t.print("  Wrong PIN, and no try is left. Only a reset helps, and it erases every passkey.\n")
	case ctap.StatusOf(err) == ctap.ErrPINAuthBlocked:
		t.print("  Wrong PIN. The PIN is blocked until signet is started again.\n")
	case errors.Is(err, keystore.ErrWrongPIN):
		t.print(fmt.Sprintf("  Wrong PIN: %s left.\n", tries(p.Retries-1)))
	default:
		return authenticator.Consent{}, fmt.Errorf("check the PIN: %w", err)
	}
	return c, nil
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// ReadLine prints a prompt and returns the line that is typed, without its end.
// Unlike a question's, keys typed early count. The end of input is io.EOF.
func (t *Terminal) ReadLine(ctx context.Context, prompt string) (string, error) {
	line, err := t.read(ctx, prompt, true)
	return string(line), err
}

// ReadSecret is ReadLine without echo. The caller wipes what it returns.
func (t *Terminal) ReadSecret(ctx context.Context, prompt string) ([]byte, error) {
	return t.read(ctx, prompt, false)
}

// Print writes text to the terminal as it stands: what others had a say in
// goes through Printable first.
func (t *Terminal) Print(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.print(text)
}

func (t *Terminal) read(ctx context.Context, prompt string, echo bool) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	restore, err := t.tty.hush(false)
	if err != nil {
		return nil, err
	}
	defer restore()
	if err := t.print(prompt); err != nil {
		return nil, err
	}
	return t.line(ctx, echo, time.Time{})
}

func (t *Terminal) print(text string) error {
	_, err := io.WriteString(t.tty, text)
	return err
}

// Keys with a meaning in line.
const (
	keyEOF       = 0x04
	keyBackspace = 0x08
	keyKill      = 0x15
	keyDelete    = 0x7F
)

// line reads one line key by key and drops what arrives before deaf ends. The
// end of ctx ends it.
func (t *Terminal) line(ctx context.Context, echo bool, deaf time.Time) (line []byte, err error) {
	defer t.watch(ctx)()
	key := make([]byte, 1) // one at a time: what follows the line is the next reader's
	for {
		_, err := t.tty.Read(key)
		switch {
		case ctx.Err() != nil:
			clear(line)
			return nil, ctx.Err()
		case err != nil:
			clear(line)
			return nil, fmt.Errorf("read the terminal: %w", err)
		case time.Now().Before(deaf):
			continue
		}
		switch key[0] {
		case '\r', '\n':
			return line, t.print("\n")
		case keyEOF:
			if len(line) == 0 {
				return nil, io.EOF
			}
		case keyBackspace, keyDelete:
			if _, n := utf8.DecodeLastRune(line); n > 0 {
				line = line[:len(line)-n]
				if echo {
					t.print("\b \b")
				}
			}
		case keyKill:
			if echo {
				t.print(strings.Repeat("\b \b", utf8.RuneCount(line)))
			}
			line = line[:0]
		default:
			if key[0] < ' ' || len(line) == maxLine {
				continue
			}
			if line == nil {
				line = make([]byte, 0, maxLine) // never moved, so that clear gets all of it
			}
			line = append(line, key[0])
			if echo {
				t.tty.Write(key)
			}
		}
	}
}

// watch has the end of ctx interrupt reads until the function that it returns
// is called.
func (t *Terminal) watch(ctx context.Context) (stop func()) {
	t.tty.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		t.tty.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if !cancel() {
			<-done // or it would interrupt the next line
		}
	}
}

var _ authenticator.Verifier = (*Terminal)(nil)
