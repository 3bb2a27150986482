// Command signet is a passkey device made of software.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main with an exit code: 1 for a failure, 2 for a command line that
// cannot be understood.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := noCoreDumps(); err != nil {
		fmt.Fprintln(os.Stderr, "signet: warning:", err)
	}
	err := newRoot().ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "signet: %v\n%s\n", usage.error, "Try: signet "+usage.command+"--help")
		return 2
	}
	fmt.Fprintln(os.Stderr, "signet:", explain(err))
	return 1
}

// usageError is a command line that cannot be understood.
type usageError struct {
	error
	command string // with a space behind it, or empty
}

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...), commandPath(cmd)}
}

func commandPath(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return cmd.Name() + " "
}

func newRoot() *cobra.Command {
	c := new(config)
	root := &cobra.Command{
		Use:   "signet",
		Short: "A passkey device made of software",
		Long: `Signet is a passkey device made of software: it keeps passkeys, and speaks
CTAP 2.3 with browsers, command-line tools and test suites, as a security key does.

Start with "signet demo": it registers a passkey and signs in with it, and leaves
nothing behind. Then make a device of your own with "signet init" and start it with
"signet run".`,
		Example: `  signet demo                the whole story in one command
  signet init                make a device
  signet run                 start it
  signet status              see what runs`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return c.load(cmd)
		},
	}
	c.addFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err, commandPath(cmd)}
	})
	root.AddCommand(newInit(c), newRun(c), newDemo(), newInfo(c), newStatus(c), newVersion())
	return root
}
