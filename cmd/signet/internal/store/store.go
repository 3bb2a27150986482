// Package store is the folder that one device lives in:
//
//	store.yaml  what the device is: the Header
//	root        the root's secrets; after a move root.1, and so on
//	vault.db    the records; after a move vault.db.1, and so on
//	lock        held by the one process that uses the folder
//
// It makes, locks and describes the folder; what opens root and vault is the
// caller's business.
package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/cmd/signet/internal/text"
	"github.com/seed-77d61853/signet/keystore"
)

// Files of a store, below its folder.
const (
	headerFile = "store.yaml"
	rootFile   = "root"
	vaultFile  = "vault.db"
	lockFile   = "lock"
)

// Version is the layout that this program writes and reads.
const Version = 1

// Kinds of root.
const (
	RootFile    = "file"    // secrets in an encrypted file
	RootKeyring = "keyring" // the same, its key in the OS keyring
	RootTPM     = "tpm"     // secrets in a TPM
)

// Roots lists the kinds of root.
func Roots() []string { return []string{RootTPM, RootKeyring, RootFile} }

// Ways to unlock a RootFile; the other roots need none.
const (
	UnlockPassphrase = "passphrase"
	UnlockKeyFile    = "key-file"
	UnlockCredential = "credential" // of the service manager
)

// Unlocks lists the ways to unlock a RootFile.
func Unlocks() []string { return []string{UnlockPassphrase, UnlockKeyFile, UnlockCredential} }

// Kinds of device.
const (
	ProfileSecurityKey = "security-key"
	ProfilePlatform    = "platform"
)

// Profiles lists the kinds of device.
func Profiles() []string { return []string{ProfileSecurityKey, ProfilePlatform} }

// An UnknownError is a value in a store's header that this program does not
// know: somebody has edited the file, or a newer program made it.
type UnknownError struct {
	File, Key, Value string
	Known            []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: %s %q is not known to this version; it knows %s", e.File, e.Key, e.Value, strings.Join(e.Known, ", "))
}

// check refuses what this program does not know.
func (h Header) check(file string) error {
	for _, v := range []UnknownError{
		{file, "root", h.Root, Roots()},
		{file, "unlock", h.Unlock, Unlocks()},
		{file, "profile", h.Profile, Profiles()},
	} {
		if !slices.Contains(v.Known, v.Value) && (v.Key != "unlock" || h.Root == RootFile) {
			return &v
		}
	}
	return nil
}

// A Header says what a store is. It holds no secret, and changes by a move only.
type Header struct {
	Version int `yaml:"version" json:"version"`
	// ID is 16 random bytes in hexadecimal.
	ID string `yaml:"id" json:"id"`
	// Root is the kind of root.
	Root string `yaml:"root" json:"root"`
	// Unlock is how a RootFile is unlocked.
	Unlock string `yaml:"unlock,omitempty" json:"unlock,omitempty"`
	// TPM is where a RootTPM finds its chip.
	TPM string `yaml:"tpm,omitempty" json:"tpm,omitempty"`
	// Credential is the name of the service manager's credential, where that
	// unlocks the root.
	Credential string `yaml:"credential,omitempty" json:"credential,omitempty"`
	// KeyFile is the absolute path of the key file, where there is one.
	KeyFile string `yaml:"key-file,omitempty" json:"key_file,omitempty"`
	// Profile is the kind of device.
	Profile string `yaml:"profile" json:"profile"`
	// Copyable tells whether its passkeys may be copied to another device.
	Copyable bool      `yaml:"copyable" json:"copyable"`
	Created  time.Time `yaml:"created" json:"created"`
	// Generation is how often the store has moved: it names the files of root
	// and vault.
	Generation int `yaml:"generation,omitempty" json:"generation,omitempty"`
}

// A Store is a folder that this process alone uses until Close.
type Store struct {
	Header
	Path string
	lock *lock
}

// HeaderPath names the file of the header.
func (s *Store) HeaderPath() string { return filepath.Join(s.Path, headerFile) }

// RootPath and VaultPath name the files of root and vault.
func (s *Store) RootPath() string  { return s.generation(rootFile) }
func (s *Store) VaultPath() string { return s.generation(vaultFile) }

func (s *Store) generation(name string) string {
	if s.Generation > 0 {
		name += "." + strconv.Itoa(s.Generation)
	}
	return filepath.Join(s.Path, name)
}

// Close lets other processes use the store.
func (s *Store) Close() error { return s.lock.release() }

// Exists reports whether there is a store, or anything else, at path.
func Exists(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

// Open locks the store at path and reads its header: fs.ErrNotExist where there
// is none, a *BusyError where another process has it, keystore.ErrNewerSchema,
// keystore.ErrCorrupt or an *UnknownError where the header cannot be understood.
// Nothing is written into a folder that others could put their own files into.
func Open(path string) (*Store, error) {
	h, err := ReadHeader(path)
	if err != nil {
		return nil, err
	}
	return lockStore(path, h)
}

func lockStore(path string, h Header) (*Store, error) {
	folder, err := os.Stat(path)
	if err == nil {
		err = access.CheckOwned(path, folder, 0o022)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	l, err := acquire(filepath.Join(path, lockFile))
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	// A Create that was cut short at its very end leaves it, where it can.
	_ = os.Remove(filepath.Join(path, unfinishedFile))
	return &Store{Header: h, Path: path, lock: l}, nil
}

// OpenDamaged locks the store at path whatever its header is like, and leaves that
// out: such a store can be destroyed, and nothing else.
func OpenDamaged(path string) (*Store, error) { return lockStore(path, Header{}) }

// ReadHeader reads the header of the store at path without locking it.
func ReadHeader(path string) (Header, error) {
	name := filepath.Join(path, headerFile)
	b, err := os.ReadFile(name)
	if err != nil {
		return Header{}, fmt.Errorf("read store header: %w", err)
	}
	// The version decides how to read the rest.
	var v struct {
		Version int `yaml:"version"`
	}
	if err := text.Unmarshal(b, &v, false); err != nil || v.Version < 1 {
		return Header{}, fmt.Errorf("%s: %w", name, keystore.ErrCorrupt)
	}
	if v.Version > Version {
		return Header{}, fmt.Errorf("%s: version %d: %w", name, v.Version, keystore.ErrNewerSchema)
	}
	var h Header
	if err := text.Unmarshal(b, &h, true); err != nil {
		return Header{}, fmt.Errorf("%s: %w: %w", name, keystore.ErrCorrupt, err)
	}
	if id, err := hex.DecodeString(h.ID); err != nil || len(id) != 16 {
		return Header{}, fmt.Errorf("%s: the id: %w", name, keystore.ErrCorrupt)
	}
	if h.Generation < 0 {
		return Header{}, fmt.Errorf("%s: generation %d: %w", name, h.Generation, keystore.ErrCorrupt)
	}
	if h.Root == "" || h.Profile == "" || h.Created.IsZero() {
		return Header{}, fmt.Errorf("%s: cut off: %w", name, keystore.ErrCorrupt)
	}
	return h, h.check(name)
}

func newID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// writeFile makes a durable file in a folder that nobody reads yet.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes what was created or renamed in a folder durable.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such call
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
