// Command signet is a passkey device made of software.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/rptest/explain"
)

func main() { os.Exit(run(policy.System())) }

// run is main with an exit code: 1 for a failure, 2 for a command line that
// cannot be understood; audit has more. The administrator's policy is read from admin.
func run(admin policy.Source) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := noCoreDumps(); err != nil {
		fmt.Fprintln(os.Stderr, "signet: warning:", err)
	}
	c := &config{admin: admin}
	err := newRoot(c).ExecuteContext(ctx)
	var usage usageError
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "signet: %s\n%s\n", explain.VisibleLines(usage.Error()), "Try: signet "+usage.command+"--help")
		return 2
	}
	// An error can hold what a file or another program says.
	fmt.Fprintln(os.Stderr, "signet:", explain.VisibleLines(c.explain(err)))
	return 1
}

// usageError is a command line that cannot be understood.
type usageError struct {
	error
	command string // with a space behind it, or empty
}

// exitStatus is what the program ends with where all that is to be said has been.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// group makes cmd a command that only its subcommands do something for.
func group(cmd *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subcommands...)
	cmd.Args, cmd.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		if near := slices.Sorted(slices.Values(cmd.SuggestionsFor(args[0]))); len(near) > 0 {
			return usagef(cmd, "unknown command %q; is it %s?", args[0], strings.Join(near, " or "))
		}
		return usagef(cmd, "unknown command %q", args[0])
	}
	return cmd
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "%s takes no arguments, and %q is one: a flag's value may need = before it", cmd.Name(), args[0])
	}
	return nil
}

// withoutDevice is the PersistentPreRunE of commands that touch no device of the
// user's, in place of the root command's: no setting means anything there.
func withoutDevice(why string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Changed {
				err = usagef(cmd, "%s, so --%s means nothing to it", why, flag.Name)
			}
		})
		return err
	}
}

// completes lets the shell offer the values of a flag that the command has.
func completes(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...), commandPath(cmd)}
}

func commandPath(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ") + " "
}

func newRoot(c *config) *cobra.Command {
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
  signet status              see what runs
  signet passkeys list       see the passkeys
  signet doctor              see what is wrong, and what to do`,
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
	group(root, newInit(c), newRun(c), newConsent(c), newDemo(), newServe(), newInfo(c), newStatus(c), newVersion(),
		newPasskeys(c), newPIN(c), newLock(c), newUnlock(c), newReset(c), newStore(c), newMove(c), newBackup(c), newRestore(c), newDoctor(c),
		newAudit(), newExplain())
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			group(cmd) // cobra's own shows its help for any shell's name
		}
	}
	return root
}
