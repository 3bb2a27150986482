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
	path       string           // of a key file; a credential's name
	key        *keystore.Secret // of KindKeyring
	name       [saltSize]byte   // that key's name
}

// Passphrase is a secret that a person knows. It is not copied: the caller
// wipes it after Create, Open or Reseal.
func Passphrase(p []byte) Secret { return Secret{kind: KindPassphrase, passphrase: p} }

// KeyFile is a secret in a file of 32 bytes, as CreateKeyFile makes one. It is
// refused if others than its owner can use it, if it is neither ours nor the
// system's, and if it lies in the folder of the root file, or below: whoever
// takes the one would have the other.
func KeyFile(path string) Secret { return Secret{kind: KindKeyFile, path: path} }

// A KeyFileError tells that a root file does not open because of its key file.
type KeyFileError struct {
	Path string
	Err  error
}

func (e *KeyFileError) Error() string { return e.Err.Error() }

// Unwrap gives the error of the key file, such as fs.ErrNotExist.
func (e *KeyFileError) Unwrap() error { return e.Err }

// Credential is a secret of 32 bytes that systemd decrypts for a unit with
// LoadCredentialEncrypted=name, and shows in the folder that
// $CREDENTIALS_DIRECTORY names. Such a root starts unattended, and its key is
// in no file that can be read while the machine is off.
func Credential(name string) Secret { return Secret{kind: KindCredential, path: name} }

// KeyringKey is a random key that the caller keeps in the OS keyring under a
// random name, which the file's header shows as its Salt. It is not copied: the
// caller wipes it after Create, Open or Reseal.
func KeyringKey(name [16]byte, key *keystore.Secret) Secret {
	return Secret{kind: KindKeyring, name: name, key: key}
}

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

// stretch makes of the secret what a root file's key is derived from. The
// caller wipes it.
func (s Secret) stretch(h *Header, rootPath string) (*keystore.Secret, error) {
	if s.kind != h.Kind {
		return nil, fmt.Errorf("%w: it is opened by %v", ErrWrongSecret, h.Kind)
	}
	switch s.kind {
	case KindKeyFile:
		key, err := readKeyFile(s.path, rootPath, 0o077)
		if err != nil {
			return nil, &KeyFileError{s.path, err}
		}
		return key, nil
	case KindCredential:
		path, err := credentialPath(s.path)
		if err != nil {
			return nil, err
		}
		// Where a list of rights gives the unit's user the file, its mode shows
		// them as the group's.
		return readKeyFile(path, rootPath, 0o037)
	case KindKeyring:
		key := *s.key
		return &key, nil
	}
	return h.KDF.Key(s.passphrase, h.Salt[:]), nil
}

func (s Secret) check() error {
	switch {
	case s.kind == 0:
		return errors.New("no secret is given")
	case s.kind == KindPassphrase && len(s.passphrase) == 0:
		return errors.New("the passphrase is empty")
	}
	return nil
}

// credentialPath returns the file of a systemd credential.
func credentialPath(name string) (string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("no systemd credential %s: start this as a unit with LoadCredentialEncrypted=%s", name, name)
	}
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("%q cannot name a systemd credential", name)
	}
	return filepath.Join(dir, name), nil
}

// readKeyFile reads a key of 32 bytes from a file that lies outside the folder
// of the root file, and whose mode has none of the bits barred.
func readKeyFile(path, rootPath string, barred fs.FileMode) (*keystore.Secret, error) {
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
	if err := checkPrivate(f, path, barred); err != nil {
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

// checkPrivate tells whether an open file is a regular one whose mode has none
// of the bits barred, and which is ours or the system's.
func checkPrivate(f *os.File, path string, barred fs.FileMode) error {
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
	if mode := info.Mode().Perm(); mode&barred != 0 {
		return fmt.Errorf("%s has mode %04o, which lets others use it: set it to 0600", path, mode)
	}
	if uid, ok := owner(info); ok && uid != os.Geteuid() && uid != 0 {
		return fmt.Errorf("%s belongs to user %d: %w", path, uid, fs.ErrPermission)
	}
	return nil
}
