package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
)

// ownerFlags are what the commands that look after a device have in common.
type ownerFlags struct {
	rootAccess
	PINFD int
	JSON  bool
	Yes   bool
}

// addFlags adds all but --yes, which only commands have that ask.
func (f *ownerFlags) addFlags(cmd *cobra.Command) {
	f.rootAccess.addFlags(cmd.Flags())
	cmd.Flags().IntVar(&f.PINFD, "pin-fd", -1, "read the PIN from this open file descriptor")
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
}

func (f *ownerFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.Yes, "yes", false, "do not ask")
}

// An owner is who looks after a device: the one that a daemon runs, or one that
// the command opens itself where none does.
type owner struct {
	daemon.Owner
	cmd      *cobra.Command
	flags    *ownerFlags
	terminal *consent.Terminal // nil: there is none
	running  bool              // the device is a daemon's
}

// asOwner runs f on the device of the store.
func (f *ownerFlags) asOwner(cmd *cobra.Command, c *config, run func(context.Context, *owner) error) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	o := &owner{cmd: cmd, flags: f}
	if t, err := consent.OpenTerminal(); err == nil {
		o.terminal = t
		defer t.Close()
	}
	ctx := cmd.Context()
	_, control, err := c.sockets()
	if err != nil {
		return err
	}
	client := daemon.Client{Control: control}
	if o.running, err = client.Running(ctx); err != nil {
		return fmt.Errorf("%s: %w", control, err)
	}
	if o.running {
		o.Caller = client
		return explainPIN(run(ctx, o))
	}
	dev, err := f.openDevice(ctx, c, o.terminal)
	if err != nil {
		return err
	}
	o.Caller = daemon.Engine{Device: dev.engine, Policy: dev.rules}
	return errors.Join(explainPIN(run(ctx, o)), dev.Close(context.WithoutCancel(ctx)))
}

// openDevice opens the device in this process: nobody is asked anything by it,
// and what goes wrong is told by the command.
func (f *ownerFlags) openDevice(ctx context.Context, c *config, terminal *consent.Terminal) (*device, error) {
	switch there, err := c.exists(); {
	case err != nil:
		return nil, err
	case !there:
		return nil, noStoreError{c.Store}
	}
	rules, err := c.admin.Read()
	if err != nil {
		return nil, err
	}
	return f.retyped(terminal, func() (*device, error) {
		return openDevice(ctx, c.Store, opening{unlock: f.unlocker(ctx, terminal), rules: rules, log: slog.New(slog.DiscardHandler)})
	})
}

// console is the terminal's, or an error that names the flags to give instead.
func (o *owner) console(flags string) (*console.Console, error) {
	if o.terminal == nil {
		return nil, usagef(o.cmd, "there is no terminal to ask on: give %s", flags)
	}
	return &console.Console{Terminal: o.terminal}, nil
}

// provePIN gets the PIN where one is set; nil where none is. The caller wipes it.
func (o *owner) provePIN(ctx context.Context) ([]byte, error) {
	state, err := o.PIN(ctx)
	switch {
	case err != nil || !state.Set:
		return nil, err
	case state.Retries == 0:
		return nil, &pinError{ctap.ErrPINBlocked, state}
	case state.Blocked:
		return nil, &pinError{ctap.ErrPINAuthBlocked, state}
	}
	return o.readPIN(ctx, state)
}

// readPIN asks for the PIN that is set. The caller wipes it.
func (o *owner) readPIN(ctx context.Context, state daemon.PIN) ([]byte, error) {
	few := state.Retries <= authenticator.FewRetries
	if o.flags.PINFD >= 0 {
		if few {
			fmt.Fprintf(o.cmd.ErrOrStderr(), "signet: warning: only %s of the PIN left; %s\n", tries(state.Retries), blockedForGood)
		}
		pin, err := readSecret("PIN", o.flags.PINFD, "")
		if err == nil {
			err = checkTyped(pin, state)
		}
		return pin, err
	}
	talk, err := o.console("--pin-fd")
	if err != nil {
		return nil, err
	}
	if few {
		if err := talk.Say("Careful: " + blockedForGood); err != nil {
			return nil, err
		}
	}
	for range passphraseTries {
		pin, err := talk.Secret(ctx, fmt.Sprintf("PIN (%s left)", tries(state.Retries)))
		if err != nil {
			return nil, err
		}
		wrong := checkTyped(pin, state)
		if wrong == nil {
			return pin, nil
		}
		clear(pin)
		if err := talk.Say("  This costs no try: " + wrong.Error() + "."); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("no PIN was typed that could be the one, and no try is spent")
}

// checkTyped refuses what cannot be the PIN that is set, before it costs a try.
func checkTyped(pin []byte, state daemon.PIN) error {
	shortest := state.MinLength
	if state.MustChange {
		shortest = leastPIN // it is from before the rule
	}
	switch {
	case len(pin) == 0:
		return errors.New("no PIN was given")
	case utf8.Valid(pin) && utf8.RuneCount(pin) < shortest:
		return fmt.Errorf("the PIN that is set has at least %d characters", shortest)
	}
	return nil
}

// readNewPIN asks for a PIN to set. The caller wipes it.
func (o *owner) readNewPIN(ctx context.Context, state daemon.PIN) ([]byte, error) {
	check := func(pin []byte) error { return checkPIN(pin, state.MinLength) }
	if o.flags.PINFD >= 0 {
		pin, err := readSecret("new PIN", o.flags.PINFD, "")
		if errors.Is(err, console.ErrEmpty) && state.Set {
			err = fmt.Errorf("file descriptor %d: the second line, the new PIN, is missing", o.flags.PINFD)
		}
		if err == nil {
			err = check(pin)
		}
		if err != nil {
			clear(pin)
			return nil, err
		}
		return pin, nil
	}
	talk, err := o.console("--pin-fd")
	if err != nil {
		return nil, err
	}
	return talk.NewSecret(ctx, fmt.Sprintf("PIN, at least %d characters", state.MinLength), check)
}

// confirm asks before something that cannot be undone. The answer is a word that
// nobody types by mistake.
func (o *owner) confirm(ctx context.Context, question, word string) error {
	if o.flags.Yes {
		return nil
	}
	talk, err := o.console("--yes")
	if err != nil {
		return err
	}
	return confirm(ctx, talk, question, word)
}

func confirm(ctx context.Context, talk *console.Console, question, word string) error {
	answer, err := talk.Line(ctx, fmt.Sprintf("%s\nType %q to go on", question, word), "")
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, word) {
		return errNotConfirmed
	}
	return nil
}

var errNotConfirmed = errors.New("not confirmed: nothing was changed")

const blockedForGood = "when no try is left only a reset helps, and it erases every passkey."

// A pinError is a refusal by the PIN's state, in words.
type pinError struct {
	status ctap.Status
	state  daemon.PIN
}

// explainPIN puts the device's refusals for the PIN's sake into words.
func explainPIN(err error) error {
	var r *daemon.Refusal
	if !errors.As(err, &r) || r.PIN == nil {
		return err
	}
	return &pinError{r.Status, *r.PIN}
}

func (e *pinError) Unwrap() error { return e.status }

func (e *pinError) Error() string {
	switch e.status {
	case ctap.ErrPINInvalid:
		return fmt.Sprintf("wrong PIN: %s left", tries(e.state.Retries))
	case ctap.ErrPINAuthBlocked:
		return fmt.Sprintf("three wrong PINs in a row have blocked the PIN: %s left", tries(e.state.Retries))
	case ctap.ErrPINBlocked:
		return "the PIN is blocked for good: no try is left"
	case ctap.ErrPINPolicyViolation:
		return fmt.Sprintf("the device does not take this PIN: it wants at least %d characters and at most %d bytes, "+
			"and where it says so other characters, or another PIN than before", e.state.MinLength, ctap.MaxPINBytes)
	case ctap.ErrPINNotSet:
		return "no PIN is set"
	}
	return e.status.Error()
}

func (e *pinError) hint() string {
	switch e.status {
	case ctap.ErrPINInvalid:
		if e.state.Retries <= authenticator.FewRetries {
			return "Careful: " + blockedForGood
		}
	case ctap.ErrPINAuthBlocked:
		return "If that was not you, somebody is guessing. Unblock it with signet unlock, or start signet run again.\n" +
			"  Careful: " + blockedForGood
	case ctap.ErrPINBlocked:
		return "Only signet reset helps, and it erases every passkey."
	case ctap.ErrPINNotSet:
		return "Set one with signet pin set."
	}
	return ""
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
