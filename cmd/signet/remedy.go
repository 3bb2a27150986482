package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// storeCommands are the commands that a remedy can name and that are for a store.
var storeCommands = regexp.MustCompile(`\bsignet (init|run|status|info|consent|lock|unlock|reset|doctor|move|backup|restore|` +
	`store destroy|pin (set|change|retries)|passkeys (list|show|rename|delete))\b`)

// onStore has the commands that a text names work on the store of this command.
func (c *config) onStore(text string) string {
	if c == nil || !c.named {
		return text
	}
	return storeCommands.ReplaceAllStringFunc(text, func(command string) string { return command + " --store " + quote(c.Store) })
}

// command is how to call another subcommand on the same store.
func (c *config) command(name string) string { return c.onStore("signet " + name) }

// quote gives a path as a shell takes it.
func quote(path string) string {
	plain := func(r rune) bool {
		return r > 0x7F || strings.ContainsRune("+-./:=@_", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if path != "" && strings.TrimFunc(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// exists tells whether there is a device, or what is left of one, in the store's
// folder: a foreignError where there is something else, and an otherUserError where
// it is not this user's.
func (c *config) exists() (bool, error) {
	if err := c.checkUser(); err != nil {
		return false, err
	}
	there, err := store.Exists(c.Store)
	if err != nil || !there {
		return false, err
	}
	s := store.Store{Path: c.Store}
	for _, path := range []string{s.HeaderPath(), s.RootPath(), s.VaultPath()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
	}
	return false, foreignError{c.Store}
}

// absent tells that no daemon runs, or, where that is why, that there is no
// device. Other errors stay.
func (c *config) absent(err error) error {
	if !errors.Is(err, daemon.ErrNotRunning) {
		return err
	}
	switch there, existsErr := c.exists(); {
	case existsErr != nil:
		return existsErr
	case !there:
		return noStoreError{c.Store}
	}
	return fmt.Errorf("%s: %w", c.Store, err)
}

// checkUser refuses a store that is another user's: neither its files nor the
// signet that runs on it are for this one, also where this one is root.
func (c *config) checkUser() error {
	info, err := os.Stat(c.Store)
	if err != nil {
		return nil // that there is none is told where it is opened
	}
	if uid, known := access.Owner(info); known && uid != os.Geteuid() {
		return otherUserError{c.Store, uid}
	}
	return nil
}

// otherUserError tells that a store is another user's.
type otherUserError struct {
	path string
	uid  int
}

func (e otherUserError) Error() string {
	return fmt.Sprintf("the device in %s is that of user %s, and only they can use it", e.path, userName(e.uid))
}

func (otherUserError) Unwrap() error { return fs.ErrPermission }

func (e otherUserError) hint() string {
	name := userName(e.uid)
	if _, err := strconv.Atoi(name); err == nil {
		name = "'#" + name + "'"
	}
	return fmt.Sprintf("Call the same as that user: sudo -u %s signet ... --store %s", name, quote(e.path))
}

// userName is a user's name, or number where there is no name.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// fileRemedy is the remedy for a file that is not there or may not be used. What
// it is decides.
func (c *config) fileRemedy(err error) string {
	path := pathOf(err)
	denied := errors.Is(err, fs.ErrPermission)
	switch {
	case denied && path != "" && (strings.HasPrefix(path, c.Store) || strings.HasPrefix(c.Store, path+string(filepath.Separator))):
		return "The folder and what is in it must belong to you and be writable."
	case !denied && strings.HasPrefix(path, c.Store+string(filepath.Separator)):
		return "A file of the device is never made afresh: put the whole folder back from a backup."
	case denied && c.admin.Path != "" && (path == c.admin.Path || path == filepath.Dir(c.admin.Path)):
		return fmt.Sprintf("Everybody has to be able to read the administrator's policy. As root:\n"+
			"  chmod 755 %s && chmod 644 %s", quote(filepath.Dir(c.admin.Path)), quote(c.admin.Path))
	case denied:
		return "You must be allowed to use the file and its folder; ls -l shows for whom they are."
	}
	return "Look at the path: there is nothing there."
}

// pathOf is the file or socket that an error is about; empty where it tells none.
func pathOf(err error) string {
	var at *fs.PathError
	var network *net.OpError
	switch {
	case errors.As(err, &at):
		return at.Path
	case errors.As(err, &network) && network.Net == "unix" && network.Addr != nil:
		return network.Addr.String()
	}
	return ""
}

// chipRemedy is the remedy for a TPM that cannot be reached.
func chipRemedy(err error) string {
	node := cmp.Or(pathOf(err), defaultTPM)
	switch {
	case errors.Is(err, errTPMDenied):
		return fmt.Sprintf("As root: usermod -aG tss USER (the group that ls -l %s shows), then log in anew.", quote(node))
	case !strings.HasPrefix(node, "/dev/"):
		return "It is an emulator's socket: start the emulator, or look at the path."
	}
	return fmt.Sprintf("See with ls /dev/tpm* what there is: without %s, as root, modprobe tpm_crb or tpm_tis. Signet doctor says more.", quote(node))
}

// A namedFile is trouble with a file that a flag or store.yaml names.
type namedFile struct {
	error
	what string // such as "passphrase file"
	way  string // what to do where it is not there
}

// nameSecret makes a namedFile of trouble with a file that a flag names.
func nameSecret(err error, what string) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return namedFile{err, "file with the " + what, "Nothing was changed. Look at the path: the file is not there."}
	}
	return err
}

func (f namedFile) Unwrap() error { return f.error }

func (f namedFile) hint() string {
	switch {
	case errors.Is(f.error, fs.ErrNotExist):
		return f.way
	case errors.Is(f.error, fs.ErrPermission):
		return fmt.Sprintf("You must be allowed to read the %s; ls -l shows for whom it is.", f.what)
	}
	return ""
}
