package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
)

func newPasskeys(c *config) *cobra.Command {
	return group(&cobra.Command{
		Use:     "passkeys",
		Aliases: []string{"passkey"},
		Short:   "List, show, rename and delete passkeys, export their public keys",
		Long: `Passkeys looks after the passkeys of a device: through the running signet, or in the
store itself where none runs. Where a PIN is set, each command wants it: on the terminal,
or from the file descriptor that --pin-fd names.

A passkey is named by its ID, or as much of its start as no other one has.`,
	}, newPasskeysList(c), newPasskeysShow(c), newPasskeysRename(c), newPasskeysDelete(c), newPasskeysExport(c))
}

// passkeys proves the PIN and lists the passkeys, and gives both to f, which must
// not keep the PIN.
func (o *owner) passkeys(ctx context.Context, f func(pin []byte, all []daemon.Passkey) error) error {
	pin, err := o.provePIN(ctx)
	defer clear(pin)
	if err != nil {
		return err
	}
	all, err := o.Passkeys(ctx, pin)
	if err != nil {
		return err
	}
	return f(pin, all)
}

// pick finds the passkey whose ID starts as given, in hexadecimal digits.
func pick(cmd *cobra.Command, all []daemon.Passkey, start string) (daemon.Passkey, error) {
	start = strings.ToLower(start)
	if _, err := hex.DecodeString(start + strings.Repeat("0", len(start)%2)); err != nil || start == "" {
		return daemon.Passkey{}, usagef(cmd, "%q is not the ID of a passkey: want hexadecimal digits, as signet passkeys list shows them", start)
	}
	var found []daemon.Passkey
	for _, p := range all {
		if strings.HasPrefix(p.ID.String(), start) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return daemon.Passkey{}, noPasskeyError{start}
	case 1:
		return found[0], nil
	}
	return daemon.Passkey{}, fmt.Errorf("the IDs of %d passkeys start with %s: give more of it", len(found), start)
}

// noPasskeyError tells that no passkey has an ID.
type noPasskeyError struct{ id string }

func (e noPasskeyError) Error() string { return "there is no passkey " + e.id }
func (noPasskeyError) hint() string    { return "See their IDs with signet passkeys list." }

// shortest is the shortest length in hexadecimal digits, from 8, by which the
// IDs differ.
func shortest(all []daemon.Passkey) int {
	var ids []string
	for _, p := range all {
		ids = append(ids, p.ID.String())
	}
	slices.Sort(ids)
	n := 8
	for i := 1; i < len(ids); i++ {
		for n < len(ids[i]) && strings.HasPrefix(ids[i-1], ids[i][:n]) {
			n++
		}
	}
	return n
}

func newPasskeysList(c *config) *cobra.Command {
	var f ownerFlags
	var site string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the passkeys, newest first",
		Example: `  signet passkeys list
  signet passkeys list --site example.com
  signet passkeys list --json --pin-fd 3 3<pin`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				return o.passkeys(ctx, func(_ []byte, all []daemon.Passkey) error {
					listed := slices.DeleteFunc(slices.Clone(all), func(p daemon.Passkey) bool { return site != "" && p.RPID != site })
					if f.JSON {
						return writeJSON(cmd.OutOrStdout(), listed)
					}
					return writePasskeys(cmd.OutOrStdout(), listed, shortest(all))
				})
			})
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&site, "site", "", "only those of this RP ID")
	return cmd
}

func writePasskeys(w io.Writer, list []daemon.Passkey, digits int) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "No passkeys.")
		return err
	}
	restricted := slices.ContainsFunc(list, func(p daemon.Passkey) bool { return p.Rule != "" })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t")) }
	head := []string{"ID", "SITE", "ACCOUNT", "KEY", "CREATED", "LAST USED"}
	if restricted {
		head = append(head, "FORBIDDEN BY")
	}
	row(head...)
	for _, p := range list {
		row(p.ID.String()[:digits], siteText(p), accountText(p), keyText(p), dayText(p.Created, "unknown"), dayText(p.LastUsed, "never"), p.Rule)
	}
	return t.Flush()
}

func siteText(p daemon.Passkey) string {
	if p.RPID == "" {
		return "(U2F) " + p.RPIDHash.String()[:8]
	}
	return consent.Site(authenticator.Prompt{RPID: p.RPID})
}

func accountText(p daemon.Passkey) string {
	for _, name := range []string{p.UserName, p.UserDisplayName} {
		if name != "" {
			return consent.Printable(name)
		}
	}
	return "-"
}

func keyText(p daemon.Passkey) string {
	if p.InChip {
		return p.Algorithm + " in chip"
	}
	return p.Algorithm
}

func dayText(t *time.Time, unknown string) string {
	if t == nil {
		return unknown
	}
	return t.Local().Format("2006-01-02 15:04")
}

func newPasskeysShow(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that is known of a passkey",
		Example: `  signet passkeys show 3f2a9c1b
  signet passkeys show 3f2a9c1b --json`,
		Args: exactArgs(1, "the ID of a passkey"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				return o.passkeys(ctx, func(_ []byte, all []daemon.Passkey) error {
					p, err := pick(cmd, all, args[0])
					if err != nil {
						return err
					}
					if f.JSON {
						return writeJSON(cmd.OutOrStdout(), p)
					}
					return writePasskey(cmd.OutOrStdout(), p, c.admin.Path)
				})
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

// exactArgs wants n arguments and names what they are.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef(cmd, "want %s", what)
		}
		return nil
	}
}

func writePasskey(w io.Writer, p daemon.Passkey, policyPath string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("ID", p.ID.String())
	row("site", siteText(p))
	row("site's name", consent.Printable(p.RPName))
	row("account", consent.Printable(p.UserName))
	row("display name", consent.Printable(p.UserDisplayName))
	row("user ID", hex.EncodeToString(p.UserID))
	row("key", p.Algorithm+whereText(p.InChip))
	row("PIN", protectText(p.CredProtect))
	row("found by", discoverableText(p))
	row("copies", "it "+copyText(p.Copyable))
	row("created", dayText(p.Created, "unknown"))
	row("last used", dayText(p.LastUsed, "never"))
	if p.Rule != "" {
		row("UNAVAILABLE", "forbidden by the administrator's policy: "+p.Rule+" in "+policyPath)
	}
	return t.Flush()
}

func whereText(inChip bool) string {
	if inChip {
		return ", made in a chip and never outside it"
	}
	return ", in signet's memory while it signs"
}

func protectText(level uint64) string {
	switch level {
	case ctap.CredProtectRequired:
		return "needed for each use: the key is behind the PIN"
	case ctap.CredProtectOptionalWithList:
		return "needed unless the site names the passkey"
	}
	return "needed where the site asks for it"
}

func discoverableText(p daemon.Passkey) string {
	if p.Discoverable {
		return "the site's name alone: you need not type who you are"
	}
	return "its ID, which the site has to know"
}

func copyText(copyable bool) string {
	if copyable {
		return "may be copied to another device"
	}
	return "stays on this device"
}
