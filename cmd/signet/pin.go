package main

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

func newPIN(c *config) *cobra.Command {
	return group(&cobra.Command{
		Use:   "pin",
		Short: "Set or change the PIN, see how many tries are left",
		Long: `Pin looks after the device's PIN: through the running signet, or in the store itself
where none runs. The PIN is asked on the terminal, or read from the file descriptor that
--pin-fd names; never from the command line, where others could see it.`,
	}, newPINSet(c), newPINChange(c), newPINRetries(c))
}

func newPINSet(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Set the first PIN",
		Example: `  signet pin set
  signet pin set --pin-fd 3 3<pin`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				state, err := o.pinState(ctx, false)
				if err != nil {
					return err
				}
				return o.setPIN(ctx, nil, state, "The PIN is set.")
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

// pinSetError tells that a first PIN was to be set where there is one.
type pinSetError struct{}

func (pinSetError) Error() string { return "a PIN is set already" }
func (pinSetError) hint() string  { return "Change it with signet pin change." }

func newPINChange(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "change",
		Short: "Change the PIN; every passkey stays",
		Example: `  signet pin change

  # Without a terminal: the old PIN and the new one, a line each.
  signet pin change --pin-fd 3 3<pins`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				state, err := o.pinState(ctx, true)
				if err != nil {
					return err
				}
				old, err := o.provePIN(ctx)
				defer clear(old)
				if err != nil {
					return err
				}
				return o.setPIN(ctx, old, state, "The PIN is changed. Every passkey stays.")
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

// pinState is the PIN's state, where one has to be set, or must not be.
func (o *owner) pinState(ctx context.Context, set bool) (daemon.PIN, error) {
	state, err := o.PIN(ctx)
	switch {
	case err != nil:
		return state, err
	case set && !state.Set:
		return state, &pinError{ctap.ErrPINNotSet, state}
	case state.Set && !set:
		return state, pinSetError{}
	}
	return state, nil
}

func (o *owner) setPIN(ctx context.Context, old []byte, state daemon.PIN, done string) error {
	pin, err := o.readNewPIN(ctx, state)
	defer clear(pin)
	if err != nil {
		return err
	}
	if err := o.SetPIN(ctx, old, pin); err != nil {
		return err
	}
	return o.reportPIN(ctx, done)
}

// reportPIN says what was done, and how the PIN stands.
func (o *owner) reportPIN(ctx context.Context, done string) error {
	if !o.flags.JSON {
		_, err := fmt.Fprintln(o.cmd.OutOrStdout(), done)
		return err
	}
	state, err := o.PIN(ctx)
	if err != nil {
		return err
	}
	return writeJSON(o.cmd.OutOrStdout(), state)
}

func newPINRetries(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "retries",
		Short: "Show how many tries of the PIN are left",
		Example: `  signet pin retries
  signet pin retries --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				state, err := o.PIN(ctx)
				if err != nil {
					return err
				}
				return o.reportPIN(ctx, retriesText(state))
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

func retriesText(p daemon.PIN) string {
	switch {
	case !p.Set:
		return "No PIN is set."
	case p.Retries == 0:
		return "No try is left: only signet reset helps, and it erases every passkey."
	case p.Blocked:
		return fmt.Sprintf("%s left, but three wrong PINs in a row have blocked the PIN: see signet unlock.", tries(p.Retries))
	}
	return tries(p.Retries) + " left."
}

// checkPIN refuses what no device would take, before it is asked.
func checkPIN(pin []byte, shortest int) error {
	switch {
	case !utf8.Valid(pin):
		return errors.New("the PIN is not valid UTF-8")
	case utf8.RuneCount(pin) < shortest:
		return fmt.Errorf("a PIN of this device has at least %d characters", shortest)
	case len(pin) > ctap.MaxPINBytes:
		return fmt.Errorf("a PIN has at most %d bytes", ctap.MaxPINBytes)
	}
	return nil
}
