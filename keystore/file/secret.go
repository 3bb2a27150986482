package file

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/seed-77d61853/signet/keystore"
)

// A Secret is what opens a root file. It prints as [redacted].
type Secret struct {
	kind       Kind
	passphrase []byte
	path       string
}

// Passphrase is a secret that a person knows. It is not copied: the caller
// wipes it after Create or Open.
func Passphrase(p []byte) Secret { return Secret{kind: KindPassphrase, passphrase: p} }

// KeyFile is a secret in a file of 32 bytes, as CreateKeyFile makes one. It is
// refused if others than its owner can use it, if it is neither ours nor the
// system's, and if it lies in the folder of the root file, or below: whoever
// takes the one would have the other.
func KeyFile(path string) Secret { return Secret{kind: KindKeyFile, path: path} }

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { f.Write([]byte("[redacted]")) }

// CreateKeyFile makes a key file of 32 random bytes with mode 0600: fs.ErrExist
// where the file is there already. It is on disk when CreateKeyFile returns.
func CreateKeyFile(path string) error {
	var key keystore.Secret
	defer key.Wipe()
	rand.Read(key[:])
	if err := writeNew(path, key[:]); err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	return nil
}

// stretch makes of the secret what a root file's key is derived from.
func (s Secret) stretch(h *Header, rootPath string) (*keystore.Secret, error) {
	if s.kind != h.Kind {
		if h.Kind == KindKeyFile {
			return nil, fmt.Errorf("%w: it is opened by a key file", ErrWrongSecret)
		}
		return nil, fmt.Errorf("%w: it is opened by a passphrase", ErrWrongSecret)
	}
	if s.kind == KindKeyFile {
		return readKeyFile(s.path, rootPath)
	}
	return h.KDF.Key(s.passphrase, h.salt[:]), nil
}

func (s Secret) check() error {
	if s.kind == KindPassphrase && len(s.passphrase) == 0 {
		return errors.New("the passphrase is empty")
	}
	if s.kind != KindPassphrase && s.kind != KindKeyFile {
		return errors.New("neither a passphrase nor a key file is given")
	}
	return nil
}

func readKeyFile(path, rootPath string) (*keystore.Secret, error) {
	inside, err := within(path, filepath.Dir(rootPath))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if inside {
		return nil, fmt.Errorf("key file %s lies in the folder of the store, %s: move it elsewhere", path, filepath.Dir(rootPath))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	if err := checkPrivate(f, path); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	var key keystore.Secret
	var more [1]byte
	_, err = io.ReadFull(f, key[:])
	if n, _ := f.Read(more[:]); err != nil || n > 0 {
		key.Wipe()
		return nil, fmt.Errorf("key file %s does not hold 32 bytes: %w", path, keystore.ErrCorrupt)
	}
	return &key, nil
}

// within tells whether a file lies in a folder or below, links followed.
func within(path, dir string) (bool, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return false, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return false, nil // on another volume
	}
	return rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)), nil
}

// checkPrivate tells whether an open file is a regular one that only its owner
// can use, and the owner is us or the system.
func checkPrivate(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, which lets others use it: set it to 0600", path, mode)
	}
	if uid, ok := owner(info); ok && uid != os.Geteuid() && uid != 0 {
		return fmt.Errorf("%s belongs to user %d: %w", path, uid, fs.ErrPermission)
	}
	return nil
}
