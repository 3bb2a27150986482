package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newReset(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Erase every passkey and the PIN",
		Long: `Reset makes the device as it was when it was new: every passkey and the PIN are gone for
ever. It is the way out when the PIN is forgotten or blocked, so it needs no PIN; it asks.

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
				if err := o.Reset(ctx); o.running && errors.Is(err, errTPMOwner) {
					return ownerAtStart{err}
				} else if err != nil {
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

// ownerAtStart is why a reset through a running signet failed, which has the TPM's
// owner password of its start or none.
type ownerAtStart struct{ error }

func (e ownerAtStart) Unwrap() error { return e.error }

func (ownerAtStart) hint() string {
	return "Nothing was changed. The running signet resets with the owner password that it was started with: stop it, and\n" +
		"  call signet reset --tpm-owner-fd again, or start signet run --tpm-owner-fd."
}
