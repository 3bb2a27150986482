package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/keystore"
)

func newStore(c *config) *cobra.Command {
	return group(&cobra.Command{
		Use:   "store",
		Short: "Destroy the device with its folder",
	}, newStoreDestroy(c))
}

func newStoreDestroy(c *config) *cobra.Command {
	var yes, force, asJSON bool
	var access rootAccess
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove the device: its folder, and what its root keeps elsewhere",
		Long: `Destroy removes a device for good: the secrets that its root keeps, its passkeys and its
folder. It needs neither PIN nor passphrase, so it is also the way out when those are
lost; it asks. A running signet has to be stopped first.

A key file lies outside of the store and may serve others: it is left. Copies of the
folder that were made before are not touched either.

Where the secrets that the root keeps elsewhere cannot be destroyed, because the TPM or
the keyring is not there or a file of the device is damaged, nothing is removed. With
--force the folder goes all the same, and what stays elsewhere is named.`,
		Example: `  signet store destroy
  signet store destroy --store ~/test-device --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := confirmDestroy(cmd, c, yes); err != nil {
				return err
			}
			s, err := openToDestroy(c, force)
			if err != nil {
				return err
			}
			left, err := destroy(cmd.Context(), s, &access, force)
			if err := errors.Join(err, s.Close()); err != nil {
				return err
			}
			done := destroyed{c.Store, s.KeyFile, left}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			return done.print(cmd.OutOrStdout())
		},
	}
	access.addOwnerFlag(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "remove the folder also where secrets elsewhere stay")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// openToDestroy opens the store; one whose header is damaged with force only.
func openToDestroy(c *config, force bool) (*store.Store, error) {
	if there, err := c.exists(); err != nil {
		return nil, err
	} else if !there {
		return nil, noStoreError{c.Store}
	}
	s, err := store.Open(c.Store)
	if force && errors.Is(err, keystore.ErrCorrupt) {
		return store.OpenDamaged(c.Store)
	}
	return s, err
}

// destroy destroys an open store. With force it goes on where what the root keeps
// elsewhere cannot be destroyed, and says what that is.
func destroy(ctx context.Context, s *store.Store, access *rootAccess, force bool) (left string, err error) {
	password, err := access.ownerPassword()
	defer clear(password)
	if err != nil {
		return "", err
	}
	secrets := rootSecrets{OwnerPassword: password}
	// A note that cannot be read keeps nobody from destroying the rest.
	if _, err := clearMove(ctx, s, secrets); err != nil && !errors.Is(err, keystore.ErrCorrupt) && !force {
		return "", undestroyed{err}
	}
	err = s.Destroy(func(s *store.Store) error {
		if s.Root == "" { // its header is damaged
			left = keptElsewhere(s)
			return nil
		}
		err := forgetRoot(ctx, s, secrets)
		if err != nil && force {
			left, err = keptElsewhere(s), nil
		}
		if err != nil {
			return undestroyed{err}
		}
		return nil
	})
	return left, err
}

// undestroyed is why what a root keeps elsewhere was not destroyed.
type undestroyed struct{ error }

func (u undestroyed) Unwrap() error { return u.error }

func (u undestroyed) hint() string {
	way := "The device is still there."
	switch {
	case errors.Is(u, errTPMOwner):
		way = "Give it with --tpm-owner-fd, on an open file descriptor."
	case errors.Is(u, errOtherTPM):
		way = "Nothing was removed. Where the TPM of before is in reach, destroy the device there."
	case errors.Is(u, errTPMAbsent), errors.Is(u, errTPMDenied):
		way = "Nothing was removed. " + chipRemedy(u)
	case errors.Is(u, keystore.ErrCorrupt):
		way = "Nothing was removed. If there is a backup of the folder, put it back, and destroy the device then."
	}
	return way + "\n  Otherwise --force removes the folder alone, and says what stays elsewhere."
}

type destroyed struct {
	Store   string `json:"destroyed"`
	KeyFile string `json:"key_file_left,omitempty"`
	// Left says what else is left outside of the folder.
	Left string `json:"left,omitempty"`
}

func (d destroyed) print(w io.Writer) error {
	if d.KeyFile != "" {
		fmt.Fprintf(w, "The key file %s is left: delete it if nothing else uses it.\n", d.KeyFile)
	}
	if d.Left != "" {
		fmt.Fprintf(w, "LEFT is %s.\n", d.Left)
	}
	_, err := fmt.Fprintf(w, "The device in %s is destroyed.\n", d.Store)
	return err
}

func confirmDestroy(cmd *cobra.Command, c *config, yes bool) error {
	if yes {
		return nil
	}
	terminal, err := consent.OpenTerminal()
	if err != nil {
		return usagef(cmd, "there is no terminal to ask on: give --yes")
	}
	defer terminal.Close()
	question := fmt.Sprintf("This destroys the device in %s, with every passkey, for ever.\n"+
		"Sites at which it is your only way in lock you out.", c.Store)
	return confirm(cmd.Context(), &console.Console{Terminal: terminal}, question, "destroy")
}
