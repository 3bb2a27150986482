package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
)

func newStatus(c *config) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what runs",
		Long: `Status asks the running signet of a store, on its control socket, what it does:
its doors and who can reach them, who answers its questions, and the state of the PIN.
It fails where none runs.`,
		Example: `  signet status
  signet status --json
  signet status --store ~/test-device`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, control, err := c.sockets()
			if err != nil {
				return err
			}
			s, err := daemon.ReadStatus(cmd.Context(), control)
			if err != nil {
				return c.absent(err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), s)
			}
			return writeStatus(cmd.OutOrStdout(), s)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func writeStatus(w io.Writer, s *daemon.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("signet", "%s, process %d, running since %s", s.Version, s.PID, s.Since.Local().Format(time.DateTime))
	row("store", "%s", s.Store.Path)
	row("device", "%s on root %q, made %s, passkeys %s", s.Store.Profile, s.Store.Root,
		s.Store.Created.Local().Format(time.DateOnly), copyable(s.Store.Copyable))
	row("consent", "%s", approveText(s.Approve))
	row("PIN", "%s", pinText(s.PIN))
	for _, d := range s.Doors {
		row("door "+d.Name, "%s, %s", d.Address, doorText(d))
	}
	return errors.Join(t.Flush(), writePolicy(w, s.Policy))
}

// doorText says who reaches a door, or why nobody does yet.
func doorText(d daemon.Door) string {
	if d.Waiting != "" {
		return d.Waiting + ", then reached by " + d.Reach
	}
	return "reached by " + d.Reach
}

func copyable(yes bool) string {
	if yes {
		return "may be copied"
	}
	return "stay on this device"
}

func approveText(approve string) string {
	switch approve {
	case approveAlways:
		return "ALWAYS: nobody is asked, for tests only"
	case approveNever:
		return "NEVER: every question is refused, for tests only"
	case approveAttached:
		return "asked on the terminal of signet consent"
	case approveUnattended:
		return "NOBODY is there: every question is refused until signet consent attaches a terminal"
	}
	return "asked on the terminal of signet run"
}

func pinText(p daemon.PIN) string {
	switch {
	case p.Lost:
		return "GONE: somebody destroyed its gate in the chip; passkeys that ask for no PIN work, a reset makes a new one"
	case !p.Set:
		return "not set"
	case p.Retries == 0:
		return "BLOCKED: only a reset helps, and it erases every passkey"
	case p.Blocked:
		return fmt.Sprintf("BLOCKED after three misses in a row, %d tries left: see signet unlock", p.Retries)
	case p.Open:
		return fmt.Sprintf("set, proven now, %d tries left", p.Retries)
	}
	return fmt.Sprintf("set, %d tries left", p.Retries)
}
