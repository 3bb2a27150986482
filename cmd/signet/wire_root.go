package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/keyring"
	"github.com/seed-77d61853/signet/tpm"
)

// This file belongs to wire.go: it puts together what keeps the keys.

// rootSecrets is what makes or opens a root, besides what its store's header
// says.
type rootSecrets struct {
	Passphrase    []byte // of a file root; nil: none
	OwnerPassword []byte // of the TPM; nil: none
	// KeyFile is where the key file is now; empty: where the header says.
	KeyFile string
	// HardwareOnly makes no key outside of the chip.
	HardwareOnly bool
}

func (s *rootSecrets) wipe() {
	clear(s.Passphrase)
	clear(s.OwnerPassword)
}

// errTPMOwner tells that the TPM's owner password is needed.
var errTPMOwner = tpm.ErrOwnerPassword

// These tell that the TPM cannot be reached, not by this user, or is another one.
var (
	errTPMAbsent = tpm.ErrAbsent
	errTPMDenied = tpm.ErrDenied
	errOtherTPM  = tpm.ErrOtherTPM
)

// A TPM is named by its device node, or as unix:PATH by an emulator's socket.
const socketPrefix = "unix:"

// defaultTPM is the kernel's node for many users.
const defaultTPM = tpm.DefaultDevice

// chipPath makes the path of a chip's name absolute: from where signet is started
// must not decide which chip it is.
func chipPath(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, socketPrefix); ok {
		path, err := filepath.Abs(path)
		return socketPrefix + path, err
	}
	return filepath.Abs(name)
}

func tpmOpener(name string) tpm.Opener {
	if path, ok := strings.CutPrefix(name, socketPrefix); ok {
		return tpm.OpenSocket(path)
	}
	return tpm.OpenDevice(name)
}

func tpmOptions(h store.Header, secrets rootSecrets) tpm.Options {
	return tpm.Options{OwnerPassword: secrets.OwnerPassword, HardwareOnly: secrets.HardwareOnly, SoftwareOnly: h.Copyable}
}

// fileSecret is what opens an encrypted file, as the header says.
func fileSecret(h store.Header, passphrase []byte) (secret file.Secret, err error) {
	switch h.Unlock {
	case store.UnlockKeyFile:
		return file.KeyFile(h.KeyFile), nil
	case store.UnlockCredential:
		return file.Credential(h.Credential), nil
	case store.UnlockPassphrase:
		return file.Passphrase(passphrase), nil
	}
	return secret, fmt.Errorf("unlocking by %q is not known to this version", h.Unlock)
}

func errUnknownRoot(kind string) error {
	return fmt.Errorf("root %q is not known to this version", kind)
}

// createRoot makes the root of a store that is being built.
func createRoot(ctx context.Context, s *store.Store, secrets rootSecrets) error {
	switch s.Root {
	case store.RootFile:
		secret, err := fileSecret(s.Header, secrets.Passphrase)
		if err != nil {
			return err
		}
		return file.Create(s.RootPath(), secret, file.Options{})
	case store.RootKeyring:
		return keyring.Create(ctx, s.RootPath(), keyring.Options{})
	case store.RootTPM:
		return tpm.Create(ctx, s.RootPath(), tpmOpener(s.TPM), tpmOptions(s.Header, secrets))
	}
	return errUnknownRoot(s.Root)
}

// openRoot opens the root of a store.
func openRoot(ctx context.Context, s *store.Store, secrets rootSecrets) (keystore.Root, error) {
	switch s.Root {
	case store.RootFile:
		h := s.Header
		h.KeyFile = cmp.Or(secrets.KeyFile, h.KeyFile)
		secret, err := fileSecret(h, secrets.Passphrase)
		if err != nil {
			return nil, err
		}
		root, err := file.Open(ctx, s.RootPath(), secret)
		if err != nil {
			return nil, nameKeyFile(err)
		}
		return root, nil
	case store.RootKeyring:
		return keyring.Open(ctx, s.RootPath(), keyring.Options{})
	case store.RootTPM:
		return tpm.Open(ctx, s.RootPath(), tpmOpener(s.TPM), tpmOptions(s.Header, secrets))
	}
	return nil, errUnknownRoot(s.Root)
}

// nameKeyFile makes a namedFile where the key file is not there or may not be
// read.
func nameKeyFile(err error) error {
	var key *file.KeyFileError
	if !errors.As(err, &key) || !errors.Is(key, fs.ErrNotExist) && !errors.Is(key, fs.ErrPermission) {
		return err
	}
	return namedFile{err, "key file", "If the key file is elsewhere now, name it with --key-file. Else put it back from a backup: without it\n" +
		"  nothing opens the device."}
}

// forgetRoot destroys what a root keeps outside of the store's folder.
func forgetRoot(ctx context.Context, s *store.Store, secrets rootSecrets) error {
	switch s.Root {
	case store.RootFile:
		return nil
	case store.RootKeyring:
		h, err := file.ReadHeader(s.RootPath())
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return keyring.Forget(ctx, *h, keyring.Options{})
	case store.RootTPM:
		// A TPM that is not there is fs.ErrNotExist, too.
		if _, err := os.Lstat(s.RootPath()); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return tpm.Destroy(ctx, s.RootPath(), tpmOpener(s.TPM), tpmOptions(s.Header, secrets))
	}
	return errUnknownRoot(s.Root)
}

// forgetMoved is forgetRoot for a root that nothing uses any more: what went with
// the TPM of before is none of this one's.
func forgetMoved(ctx context.Context, s *store.Store, secrets rootSecrets) error {
	err := forgetRoot(ctx, s, secrets)
	if errors.Is(err, errOtherTPM) {
		return nil
	}
	return err
}

// keptElsewhere says what a root keeps outside of the store's folder, as far as
// its file tells; empty where that is nothing.
func keptElsewhere(s *store.Store) string {
	if _, err := os.Lstat(s.RootPath()); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if indices, err := tpm.Kept(s.RootPath()); err == nil {
		var names []string
		for _, x := range indices {
			names = append(names, fmt.Sprintf("0x%08x (%s)", x.Handle, x.Purpose))
		}
		return "in the TPM that it was made on the NV indices " + strings.Join(names, ", ")
	}
	switch h, err := file.ReadHeader(s.RootPath()); {
	case err != nil:
		return "what its root kept in a TPM or an OS keyring, if it did: its file cannot be read"
	case h.Kind == file.KindKeyring:
		return fmt.Sprintf("in the OS keyring the item of the service signet, root key %x", h.Salt)
	}
	return ""
}

// forgetUnfinished is forgetRoot for a root whose making was cut short: a file
// that was not finished names nothing yet.
func forgetUnfinished(ctx context.Context, s *store.Store, secrets rootSecrets) error {
	err := forgetMoved(ctx, s, secrets)
	if errors.Is(err, keystore.ErrCorrupt) {
		return nil
	}
	return err
}

// offersTPM tells whether a TPM answers, and offersKeyring whether an OS keyring
// does.
func offersTPM(ctx context.Context, name string) bool {
	_, err := tpm.Inspect(ctx, tpmOpener(name))
	return err == nil
}

func offersKeyring(ctx context.Context) bool { return keyring.Available(ctx) == nil }

// makeKeyFile makes the key file that a header names, where there is none, and
// returns what takes it back.
func makeKeyFile(h store.Header) (discard func() error, err error) {
	nothing := func() error { return nil }
	if h.Unlock != store.UnlockKeyFile {
		return nothing, nil
	}
	switch err := file.CreateKeyFile(h.KeyFile); {
	case err == nil:
		return func() error { return os.Remove(h.KeyFile) }, nil
	case errors.Is(err, fs.ErrExist):
		return nothing, nil
	default:
		return nil, fmt.Errorf("make key file: %w", err)
	}
}
