package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

func newLock(c *config) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "End what the PIN has opened",
		Long: `Lock has the running signet forget that the PIN was proven: what clients were allowed
ends, and passkeys that are behind the PIN cannot be used until it is proven again. The
others stay usable, with your consent. It needs no PIN.`,
		Example: "  signet lock",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, control, err := c.sockets()
			if err != nil {
				return err
			}
			done, running := "Locked.", true
			err = daemon.Owner{Caller: daemon.Client{Control: control}}.Lock(cmd.Context())
			if there, _ := c.exists(); there && errors.Is(err, daemon.ErrNotRunning) {
				done, running, err = "No signet runs on this store, so nothing is open.", false, nil
			}
			if err != nil {
				return c.absent(err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]bool{"locked": true, "running": running})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newUnlock(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Prove the PIN to the running signet, also after three wrong ones",
		Long: `Unlock proves the PIN to the running signet, which gives its tries back.

Three wrong PINs in a row block the PIN, so that a program which guesses is noticed.
Unlock is the way on without a restart: it asks whether to try in spite of them, and
lets one try pass. The tries that are spent stay spent until the PIN is right.`,
		Example: `  signet unlock

  # Without a terminal, also after three wrong PINs.
  signet unlock --yes --pin-fd 3 3<pin`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.unlock(cmd, c)
		},
	}
	cmd.Flags().IntVar(&f.PINFD, "pin-fd", -1, "read the PIN from this open file descriptor")
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
	f.addYes(cmd)
	return cmd
}

func (f *ownerFlags) unlock(cmd *cobra.Command, c *config) error {
	f.PassphraseFD = -1 // only a running device can be unlocked
	_, control, err := c.sockets()
	if err != nil {
		return err
	}
	switch running, err := (daemon.Client{Control: control}).Running(cmd.Context()); {
	case err != nil:
		return err
	case !running:
		return c.absent(daemon.ErrNotRunning)
	}
	return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
		state, err := o.PIN(ctx)
		switch {
		case err != nil:
			return err
		case !state.Set:
			return &pinError{ctap.ErrPINNotSet, state}
		case state.Retries == 0:
			return &pinError{ctap.ErrPINBlocked, state}
		case state.Blocked:
			question := fmt.Sprintf("Three wrong PINs in a row have blocked the PIN. If that was not you, a program is guessing it.\n"+
				"%s left; this lets one more pass, in spite of them.", tries(state.Retries))
			if err := o.confirm(ctx, question, "unlock"); err != nil {
				return err
			}
		}
		pin, err := o.readPIN(ctx, state)
		defer clear(pin)
		if err != nil {
			return err
		}
		if err := o.Unlock(ctx, pin, state.Blocked); err != nil {
			return err
		}
		return o.reportPIN(ctx, "The PIN is right, and can be used again.")
	})
}
