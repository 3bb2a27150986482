package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// backupSecret is the passphrase that seals a backup.
type backupSecret struct {
	FD   int // below 0: none
	File string
}

func (s *backupSecret) addFlags(f *pflag.FlagSet) {
	f.IntVar(&s.FD, "backup-passphrase-fd", -1, "read the backup's passphrase from this open file descriptor")
	f.StringVar(&s.File, "backup-passphrase-file", "", "read the backup's passphrase from this file")
}

func (s *backupSecret) given() bool { return s.FD >= 0 || s.File != "" }

func (s *backupSecret) read() ([]byte, error) {
	if s.FD >= 0 {
		return console.ReadSecretFD(s.FD)
	}
	return console.ReadSecretFile(s.File)
}

type backupFlags struct {
	ownerFlags
	secret     backupSecret
	Recipients []string
}

func newBackup(c *config) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back all passkeys up into one sealed file",
		Long: `Backup writes all passkeys, with their private keys, into one file, sealed by a passphrase
or for age recipients. Whoever opens the file has the passkeys: keep it as you would keep
the device. It is an age file, and never replaces one that is there.

Only devices that were made with --copyable yes have passkeys that may be copied; from the
first backup on, sites are told that a copy exists. Passkeys that are bound to the device
are not backed up: register a second authenticator in their place.`,
		Example: `  signet backup ~/passkeys.signet
  signet backup /media/stick/passkeys.signet --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p`,
		Args: exactArgs(1, "the name of the file to make"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.secret.given() && len(f.Recipients) > 0 {
				return usagef(cmd, "a backup is sealed by a passphrase or for recipients, not both")
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error { return f.run(ctx, o, c, path) })
		},
	}
	f.addFlags(cmd)
	f.secret.addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&f.Recipients, "recipient", nil, "seal for this age recipient (age1...) in place of a passphrase; can be repeated")
	return cmd
}

func (f *backupFlags) run(ctx context.Context, o *owner, c *config, path string) error {
	if err := mayCopy(c); err != nil {
		return err
	}
	// What can be known before is said before anything is asked.
	if _, err := os.Lstat(path); err == nil {
		return nameFile(fmt.Errorf("make backup: %s: %w", path, fs.ErrExist))
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nameFile(fmt.Errorf("make backup: %w", err))
	}
	if copyable, err := copyableStore(c); err != nil {
		return err
	} else if !copyable && f.PINFD < 0 {
		return boundDevice{}
	}
	pin, all, err := o.provenPasskeys(ctx)
	defer clear(pin)
	if err != nil {
		return err
	}
	bound := slices.DeleteFunc(slices.Clone(all), func(p daemon.Passkey) bool { return p.Copyable })
	if len(bound) > 0 {
		return &boundError{what: "these passkeys are bound to this device, and sites were told so", passkeys: bound, way: boundHint}
	}
	recipients, err := f.recipients(ctx, o)
	if err != nil {
		return err
	}
	shown := newProgress("Backed up")
	n, err := o.backup(ctx, pin, path, recipients, func(done int) { shown.step(done, len(all)) })
	shown.end()
	if err != nil {
		return err
	}
	if f.JSON {
		return writeJSON(o.cmd.OutOrStdout(), map[string]any{"backup": path, "passkeys": n})
	}
	_, err = fmt.Fprintf(o.cmd.OutOrStdout(), "%s backed up in %s.\nTry it on another device: signet restore. Passkeys that you make later are not in it.\n",
		plural(n, "passkey"), path)
	return err
}

// boundDevice tells, before anything is asked, that there is nothing to back up.
type boundDevice struct{}

func (boundDevice) Error() string {
	return "the passkeys of this device are bound to it, and sites were told so: signet passkeys list names them"
}

func (boundDevice) hint() string { return boundHint }

const boundHint = "Nothing was written. Register a second authenticator at each site, in place of a backup; a new device can be\n" +
	"  made with signet init --copyable yes."

// mayCopy applies the administrator's policy.
func mayCopy(c *config) error {
	rules, err := c.admin.Read()
	if err == nil && rules.ForbidCopying {
		err = rules.Forbid(policy.ForbidCopying)
	}
	return err
}

// backup writes all passkeys into a file.
func (o *owner) backup(ctx context.Context, pin []byte, path string, recipients []age.Recipient, step func(done int)) (n int, err error) {
	mine, err := age.GenerateX25519Identity()
	if err != nil {
		return 0, err
	}
	sealed, err := o.Export(ctx, pin, mine.Recipient())
	if err != nil {
		return 0, err
	}
	err = backup.Create(path, func(w io.Writer) error {
		return backup.Write(w, time.Now(), func(add func([]byte) error) error {
			_, err := backup.Read(bytes.NewReader(sealed), func(record []byte) error {
				n++
				step(n)
				return add(record)
			}, mine)
			return err
		}, recipients...)
	})
	if err != nil {
		return 0, nameFile(err)
	}
	return n, nil
}

// recipients returns for whom the backup is sealed.
func (f *backupFlags) recipients(ctx context.Context, o *owner) (list []age.Recipient, err error) {
	for _, text := range f.Recipients {
		r, err := age.ParseRecipients(bytes.NewReader([]byte(text)))
		if err != nil {
			return nil, usagef(o.cmd, "--recipient %s: %v", text, err)
		}
		list = append(list, r...)
	}
	if len(list) > 0 {
		return list, nil
	}
	var passphrase []byte
	if f.secret.given() {
		passphrase, err = f.secret.read()
		if err == nil {
			err = checkPassphrase(passphrase)
		}
	} else {
		var talk *console.Console
		if talk, err = o.console("--recipient, --backup-passphrase-fd or --backup-passphrase-file"); err == nil {
			passphrase, err = talk.NewSecret(ctx, "passphrase for the backup", checkPassphrase)
		}
	}
	defer clear(passphrase)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(string(passphrase))
	return []age.Recipient{r}, err
}

// A pathError is trouble with a file that the caller named, which is none of the
// device's.
type pathError struct{ error }

// nameFile makes a pathError where it is the path that has to be looked at.
func nameFile(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) {
		return pathError{err}
	}
	return err
}

func (e pathError) Unwrap() error { return e.error }

func (e pathError) hint() string {
	switch {
	case errors.Is(e, fs.ErrExist):
		return "Nothing was changed. Give another name, or move the file that is there."
	case errors.Is(e, fs.ErrPermission):
		return "Nothing was changed. You must be allowed to use the file and its folder."
	}
	return "Nothing was changed. Look at the path, and whether the disk is there."
}

// copyableStore tells whether the store's passkeys may be copied.
func copyableStore(c *config) (bool, error) {
	h, err := store.ReadHeader(c.Store)
	return h.Copyable, err
}
