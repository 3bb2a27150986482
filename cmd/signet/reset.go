package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/ctap"
)

func newReset(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Erase every passkey and the PIN",
		Long: `Reset makes the device as it was when it was new: every passkey and the PIN are gone for
ever. It is the way out when the PIN is forgotten or blocked, so it needs no PIN; it asks,
and so does a signet that runs, where it asks for each use.

Of a device whose keys are in a file, copies of the folder that were made before still hold
the passkeys: a file cannot prevent that.`,
		Example: `  signet reset
  signet reset --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				if o.running && f.OwnerFD >= 0 {
					return ownerAtStart{errors.New("--tpm-owner-fd is of no use while signet runs")}
				}
				question := fmt.Sprintf("This erases every passkey of the device in %s, and its PIN, for ever.\n"+
					"Sites at which it is your only way in lock you out.", c.Store)
				if err := o.confirm(ctx, question, "reset"); err != nil {
					return err
				}
				if err := o.reset(ctx); err != nil {
					return err
				}
				if f.JSON {
					return writeJSON(cmd.OutOrStdout(), map[string]bool{"reset": true})
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "The device is reset: it has no passkey and no PIN.")
				return err
			})
		},
	}
	f.rootAccess.addFlags(cmd.Flags())
	f.PINFD = -1
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
	f.addYes(cmd)
	return cmd
}

// reset resets. A running signet asks where it asks all questions.
func (o *owner) reset(ctx context.Context) error {
	if o.running {
		fmt.Fprintln(o.cmd.ErrOrStderr(), "Where the running signet asks, agree to it there.")
	}
	err := o.Reset(ctx)
	switch {
	case !o.running:
		return err
	case errors.Is(err, errTPMOwner):
		return ownerAtStart{err}
	case errors.Is(err, ctap.ErrOperationDenied), errors.Is(err, ctap.ErrUserActionTimeout):
		return notAgreed{err}
	}
	return err
}

// notAgreed tells that nobody agreed to a reset where the running signet asks.
type notAgreed struct{ error }

func (e notAgreed) Unwrap() error { return e.error }

func (notAgreed) Error() string { return "nobody agreed to the reset where the running signet asks" }

func (notAgreed) hint() string {
	return "Nothing was changed. Agree on the terminal of signet run, or on the one that signet consent attaches; or stop\n" +
		"  signet run, and call signet reset again."
}

// ownerAtStart is why a reset through a running signet failed, which has the TPM's
// owner password of its start or none.
type ownerAtStart struct{ error }

func (e ownerAtStart) Unwrap() error { return e.error }

func (ownerAtStart) hint() string {
	return "Nothing was changed. The running signet resets with the owner password that it was started with: stop it, and\n" +
		"  call signet reset --tpm-owner-fd again, or start signet run --tpm-owner-fd."
}
