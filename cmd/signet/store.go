package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

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
	var yes, asJSON bool
	var access rootAccess
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove the device: its folder, and what its root keeps elsewhere",
		Long: `Destroy removes a device for good: the secrets that its root keeps, its passkeys and its
folder. It needs neither PIN nor passphrase, so it is also the way out when those are
lost; it asks. A running signet has to be stopped first.

A key file lies outside of the store and may serve others: it is left. Copies of the
folder that were made before are not touched either.`,
		Example: `  signet store destroy
  signet store destroy --store ~/test-device --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := confirmDestroy(cmd, c, yes); err != nil {
				return err
			}
			s, err := store.Open(c.Store)
			if errors.Is(err, fs.ErrNotExist) {
				return noStoreError{c.Store}
			}
			if err != nil {
				return err
			}
			if err := errors.Join(destroy(cmd.Context(), s, &access), s.Close()); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), destroyed{c.Store, s.KeyFile})
			}
			if s.KeyFile != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "The key file %s is left: delete it if nothing else uses it.\n", s.KeyFile)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The device in %s is destroyed.\n", c.Store)
			return err
		},
	}
	access.addOwnerFlag(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func destroy(ctx context.Context, s *store.Store, access *rootAccess) error {
	password, err := access.ownerPassword()
	defer clear(password)
	if err != nil {
		return err
	}
	secrets := rootSecrets{OwnerPassword: password}
	// A note that cannot be read keeps nobody from destroying the rest.
	if _, err := clearMove(ctx, s, secrets); err != nil && !errors.Is(err, keystore.ErrCorrupt) {
		return err
	}
	return s.Destroy(func(s *store.Store) error { return forgetRoot(ctx, s, secrets) })
}

type destroyed struct {
	Store   string `json:"destroyed"`
	KeyFile string `json:"key_file_left,omitempty"`
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
