package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

type restoreFlags struct {
	ownerFlags
	secret   backupSecret
	Identity string
}

func newRestore(c *config) *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Add the passkeys of a backup",
		Long: `Restore adds the passkeys of a backup that the device does not have. It replaces nothing:
of an account that the device has another passkey for, the device's own stays, and the
other is named. The device must have been made with --copyable yes, and have a PIN.

Restore only backups that you made: one that is sealed for an age recipient can have been
made by anybody who knows the recipient.`,
		Example: `  signet restore ~/passkeys.signet
  signet restore /media/stick/passkeys.signet --identity ~/key.txt`,
		Args: exactArgs(1, "the name of a backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.secret.given() && f.Identity != "" {
				return usagef(cmd, "a backup is opened by a passphrase or an identity, not both")
			}
			file, err := os.Open(args[0])
			if err != nil {
				return nameFile(err)
			}
			defer file.Close()
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error { return f.run(ctx, o, c, file) })
		},
	}
	f.addFlags(cmd)
	f.secret.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.Identity, "identity", "", "file with the age identity that the backup is sealed for")
	return cmd
}

func (f *restoreFlags) run(ctx context.Context, o *owner, c *config, file io.ReadSeeker) error {
	if err := mayCopy(c); err != nil {
		return err
	}
	if copyable, err := copyableStore(c); err != nil {
		return err
	} else if !copyable {
		return notCopyable{}
	}
	pin, _, err := o.provenPasskeys(ctx)
	defer clear(pin)
	if err != nil {
		return err
	}
	identities, total, err := f.open(ctx, o, file)
	if err != nil {
		return err
	}
	r := &restored{Added: []daemon.Passkey{}}
	shown := newProgress("Restored")
	err = o.restore(ctx, pin, file, identities, func(done []daemon.Imported) {
		r.note(done)
		shown.step(r.total, total)
	})
	shown.end()
	if f.JSON {
		return errors.Join(err, writeJSON(o.cmd.OutOrStdout(), r))
	}
	return errors.Join(err, r.print(o.cmd.OutOrStdout()))
}

// open finds what opens the backup, and reads all of it before any of it is used.
// A passphrase that was mistyped is asked for again.
func (f *restoreFlags) open(ctx context.Context, o *owner, file io.ReadSeeker) (identities []age.Identity, total int, err error) {
	for try := 1; ; try++ {
		if identities, err = f.identities(ctx, o); err != nil {
			return nil, 0, err
		}
		total = 0
		_, err = backup.Read(file, func(record []byte) error {
			total++
			return authenticator.CheckRecord(record)
		}, identities...)
		typed := f.Identity == "" && !f.secret.given()
		if !typed || !errors.Is(err, backup.ErrWrongSecret) || try == passphraseTries {
			break
		}
		if err := o.terminal.Print(mistyped); err != nil {
			return nil, 0, err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, 0, err
		}
	}
	if err != nil {
		return nil, 0, unreadable{err}
	}
	_, err = file.Seek(0, io.SeekStart)
	return identities, total, err
}

// fullError tells that not all of a backup found room.
type fullError struct{ error }

func (e fullError) Unwrap() error { return e.error }

func (fullError) Error() string {
	return "the device is full: the rest of the backup finds no room"
}

func (fullError) hint() string {
	return "Delete passkeys that you do not need with signet passkeys delete, and restore the same file again: it goes on\n" +
		"  where it stopped."
}

// notCopyable tells that a device takes no passkeys from elsewhere.
type notCopyable struct{}

func (notCopyable) Error() string {
	return "the passkeys of this device are bound to it, and sites are told so: it takes none from elsewhere"
}

func (notCopyable) hint() string {
	return "Nothing was changed. Restore to a device that was made with signet init --copyable yes."
}

// unreadable is why a backup was not used.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

func (u unreadable) hint() string {
	switch {
	case errors.Is(u, backup.ErrWrongSecret):
		return "Nothing was changed. Try again with the right passphrase, or with --identity and the right file."
	case errors.Is(u, keystore.ErrNewerSchema):
		return "Nothing was changed. A newer signet made it: update signet."
	case errors.Is(u, keystore.ErrCorrupt):
		return "Nothing was changed. The file is not a backup, or is damaged: try another copy of it."
	}
	return ""
}

// A batch of passkeys is imported at once, all or none.
const (
	batchCount = 256
	batchBytes = 4 << 20
)

// restore imports a backup batch by batch, and tells what became of each.
func (o *owner) restore(ctx context.Context, pin []byte, file io.Reader, identities []age.Identity, tell func([]daemon.Imported)) error {
	var batch [][]byte
	size := 0
	flush := func() error {
		done, err := o.Import(ctx, pin, batch)
		for _, record := range batch {
			clear(record)
		}
		batch, size = nil, 0
		tell(done)
		if errors.Is(err, ctap.ErrKeyStoreFull) {
			return fullError{err}
		}
		return err
	}
	_, err := backup.Read(file, func(record []byte) error {
		batch = append(batch, bytes.Clone(record))
		if size += len(record); len(batch) < batchCount && size < batchBytes {
			return nil
		}
		return flush()
	}, identities...)
	if err != nil || len(batch) == 0 {
		return err
	}
	return flush()
}

// identities returns what may open the backup.
func (f *restoreFlags) identities(ctx context.Context, o *owner) ([]age.Identity, error) {
	if f.Identity != "" {
		key, err := os.Open(f.Identity)
		if err != nil {
			return nil, nameFile(err)
		}
		defer key.Close()
		if err := access.CheckSecret(f.Identity, key); err != nil {
			return nil, nameFile(err)
		}
		list, err := age.ParseIdentities(key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Identity, err)
		}
		return list, nil
	}
	var passphrase []byte
	var err error
	if f.secret.given() {
		passphrase, err = f.secret.read()
	} else {
		var talk *console.Console
		if talk, err = o.console("--identity, --backup-passphrase-fd or --backup-passphrase-file"); err == nil {
			passphrase, err = talk.Secret(ctx, "Passphrase of the backup")
		}
	}
	defer clear(passphrase)
	if err != nil {
		return nil, err
	}
	id, err := backup.Passphrase(passphrase)
	return []age.Identity{id}, err
}

// restored is what became of a backup's passkeys.
type restored struct {
	Added []daemon.Passkey `json:"added"`
	// Present is how many the device had.
	Present int `json:"present"`
	// Taken are those whose account has another passkey on the device.
	Taken []daemon.Passkey `json:"taken,omitempty"`
	total int
}

func (r *restored) note(done []daemon.Imported) {
	for _, i := range done {
		r.total++
		switch i.Outcome {
		case daemon.Added:
			r.Added = append(r.Added, i.Passkey)
		case daemon.Present:
			r.Present++
		case daemon.Taken:
			r.Taken = append(r.Taken, i.Passkey)
		}
	}
}

func (r *restored) print(out io.Writer) error {
	fmt.Fprintf(out, "%s added.\n", plural(len(r.Added), "passkey"))
	if r.Present > 0 {
		fmt.Fprintf(out, "%s there already, and left alone.\n", plural(r.Present, "passkey"))
	}
	if len(r.Taken) > 0 {
		fmt.Fprintf(out, "Not added, since the device has another passkey for the same account:\n%s\n", strings.Join(passkeyNames(r.Taken), "\n"))
	}
	return nil
}
