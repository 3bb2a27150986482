package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
)

// maxName bounds an account's name in bytes: what every client takes (WebAuthn
// §5.4.1).
const maxName = 64

func newPasskeysRename(c *config) *cobra.Command {
	var f ownerFlags
	var name, displayName string
	cmd := &cobra.Command{
		Use:   "rename ID",
		Short: "Change the names by which you know a passkey's account",
		Long: `Rename changes what this device shows as a passkey's account: the name, the display
name, or both. The site is not told, and may change them again when you sign in there.`,
		Example: `  signet passkeys rename 3f2a9c1b --name alice@example.com
  signet passkeys rename 3f2a9c1b --display-name "Alice, at work"`,
		Args: exactArgs(1, "the ID of a passkey"),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if !flags.Changed("name") && !flags.Changed("display-name") {
				return usagef(cmd, "give --name, --display-name or both")
			}
			for _, n := range []string{name, displayName} {
				if len(n) > maxName || !utf8.ValidString(n) {
					return usagef(cmd, "%q: a name has at most %d bytes of UTF-8", n, maxName)
				}
			}
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				return o.passkeys(ctx, func(pin []byte, all []daemon.Passkey) error {
					p, err := pick(cmd, all, args[0])
					if err != nil {
						return err
					}
					if flags.Changed("name") {
						p.UserName = name
					}
					if flags.Changed("display-name") {
						p.UserDisplayName = displayName
					}
					if err := o.Rename(ctx, pin, p.ID, p.UserName, p.UserDisplayName); err != nil {
						return err
					}
					if f.JSON {
						return writeJSON(cmd.OutOrStdout(), p)
					}
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "The passkey at %s is that of %s now.\n", siteText(p), accountText(p))
					return err
				})
			})
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&name, "name", "", "the account's name, at most 64 bytes")
	cmd.Flags().StringVar(&displayName, "display-name", "", "the name for people, at most 64 bytes")
	return cmd
}

func newPasskeysDelete(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:     "delete ID...",
		Aliases: []string{"rm"},
		Short:   "Delete passkeys for ever",
		Long: `Delete removes passkeys from this device, for ever. The site is not told: remove them
there, too. Where one is your only way in, that locks you out.`,
		Example: `  signet passkeys delete 3f2a9c1b
  signet passkeys delete 3f2a9c1b 77d0e5aa --yes --pin-fd 3 3<pin`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef(cmd, "want the IDs of passkeys")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				return o.passkeys(ctx, func(pin []byte, all []daemon.Passkey) error {
					var doomed []daemon.Passkey
					for _, id := range args {
						p, err := pick(cmd, all, id)
						if err != nil {
							return err
						}
						doomed = append(doomed, p)
					}
					return o.deletePasskeys(ctx, pin, doomed)
				})
			})
		},
	}
	f.addFlags(cmd)
	f.addYes(cmd)
	return cmd
}

// deletePasskeys asks and deletes, and tells also after an error what is gone.
func (o *owner) deletePasskeys(ctx context.Context, pin []byte, doomed []daemon.Passkey) error {
	var question strings.Builder
	question.WriteString("This deletes for ever:\n")
	for _, p := range doomed {
		fmt.Fprintf(&question, "  %s at %s\n", accountText(p), siteText(p))
	}
	if err := o.confirm(ctx, strings.TrimSuffix(question.String(), "\n"), "delete"); err != nil {
		return err
	}
	deleted := []string{}
	var failed error
	for _, p := range doomed {
		if failed = o.Delete(ctx, pin, p.ID); failed != nil {
			break
		}
		deleted = append(deleted, p.ID.String())
		if !o.flags.JSON {
			fmt.Fprintf(o.cmd.OutOrStdout(), "Deleted %s at %s.\n", accountText(p), siteText(p))
		}
	}
	if o.flags.JSON {
		failed = errors.Join(failed, writeJSON(o.cmd.OutOrStdout(), map[string][]string{"deleted": deleted}))
	}
	return failed
}
