package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/consent"
)

func newConsent(c *config) *cobra.Command {
	return &cobra.Command{
		Use:   "consent",
		Short: "Answer a running signet's questions on this terminal",
		Long: `Consent attaches this terminal to a signet that runs without one, as a service does
(signet run --headless), until Ctrl-C. Its questions are asked here, the PIN too where the
device asks for it itself. One terminal at a time is attached; while none is, every
question is refused.

It has to run as the user that signet runs as.`,
		Example: `  signet consent
  sudo -u signet signet consent --store /var/lib/signet/device`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			terminal, err := consent.OpenTerminal()
			if err != nil {
				return usagef(cmd, "there is no terminal to ask on: call signet consent on one")
			}
			defer terminal.Close()
			return attend(cmd.Context(), c, cmd.OutOrStdout(), terminal)
		},
	}
}

func attend(ctx context.Context, c *config, out io.Writer, terminal *consent.Terminal) error {
	_, control, err := c.sockets()
	if err != nil {
		return err
	}
	err = daemon.Client{Control: control}.Attend(ctx, terminal, func() error {
		_, err := fmt.Fprintf(out, "Attached: what the device in %s wants to know is asked here. Ctrl-C leaves.\n", c.Store)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, io.EOF):
		_, err = fmt.Fprintln(out, "Signet has stopped.")
		return err
	}
	return c.absent(err)
}
