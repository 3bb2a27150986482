// Package keyring is the root whose key lies in the OS keyring: the Secret
// Service of a Linux desktop, the Keychain of macOS, the Credential Manager of
// Windows. All else is as in package file. The keyring holds one item a root, a
// random key of 32 bytes; any program of the same user can read it while the
// keyring is unlocked, so it protects a stolen disk and its backups, no more.
package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/software"
)

// defaultTimeout leaves a person time to find and type a password.
const defaultTimeout = 2 * time.Minute

// Options say how roots are made and opened.
type Options struct {
	// KDF is the least that PINs are stretched with; zero:
	// software.DefaultKDF.
	KDF software.KDF
	// Timeout bounds each call of the keyring, which may wait for a person to
	// unlock it; zero: two minutes.
	Timeout time.Duration

	keyring service // nil: the OS's
}

// Create puts a fresh key into the keyring and makes a root file that is sealed
// with it: fs.ErrExist where there is a file, and the errors of this package.
// Both are durable, as far as the keyring is, when Create returns. After a
// crash the file is not there, or whole; a key without a file does no harm.
func Create(ctx context.Context, path string, opts Options) error {
	err := opts.withFresh(ctx, path, func(secret file.Secret) error {
		return file.Create(path, secret, file.Options{KDF: opts.KDF})
	})
	if err != nil {
		return fmt.Errorf("create root with its key in the OS keyring: %w", err)
	}
	return nil
}

// Open opens a root file with its key from the keyring. Errors are those of
// file.Open and of this package. Where the key cannot be had none is ever made.
func Open(ctx context.Context, path string, opts Options) (*file.Root, error) {
	r, err := open(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("open root with its key in the OS keyring: %w", err)
	}
	return r, nil
}

func open(ctx context.Context, path string, opts Options) (*file.Root, error) {
	header, err := file.ReadHeader(path)
	if err != nil {
		return nil, err
	}
	if header.Kind != file.KindKeyring {
		return nil, fmt.Errorf("%s: %w: it is opened by %v", path, file.ErrWrongSecret, header.Kind)
	}
	key, err := opts.get(ctx, header.Salt)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return file.Options{KDF: opts.KDF}.Open(ctx, path, file.KeyringKey(header.Salt, key))
}

// Reseal seals an open root file with a fresh key in the keyring, whatever
// opened it before; a key that the keyring had for it is deleted then. After a
// crash or an error what opened the file before or the new key does, and what
// it needs is still there.
func Reseal(ctx context.Context, r *file.Root, opts Options) error {
	old := r.Header()
	err := opts.withFresh(ctx, r.Path(), func(secret file.Secret) error { return r.Reseal(ctx, secret) })
	if err != nil {
		return fmt.Errorf("move the root's key into the OS keyring: %w", err)
	}
	if old.Kind != file.KindKeyring {
		return nil
	}
	if err := Forget(ctx, old, opts); err != nil {
		return fmt.Errorf("the root has a new key in the OS keyring, but the old one is still there: %w", err)
	}
	return nil
}

// Forget deletes the key of a root file, given by its header, from the keyring:
// the file opens no more, unless it was sealed anew. No error where there is
// none.
func Forget(ctx context.Context, h file.Header, opts Options) error {
	if h.Kind != file.KindKeyring {
		return nil
	}
	if err := opts.delete(ctx, h.Salt); err != nil && !errors.Is(err, ErrKeyLost) {
		return fmt.Errorf("delete %s from the OS keyring: %w", account(h.Salt), err)
	}
	return nil
}

// withFresh puts a fresh key into the keyring and lets use seal the file at path
// with it. Where that fails the key goes again, unless the file names it.
func (o Options) withFresh(ctx context.Context, path string, use func(file.Secret) error) error {
	var name [16]byte
	rand.Read(name[:])
	key := new(keystore.Secret)
	defer key.Wipe()
	rand.Read(key[:])
	if err := o.set(ctx, name, key); err != nil {
		return err
	}
	err := use(file.KeyringKey(name, key))
	if err == nil {
		return nil
	}
	if h, headerErr := file.ReadHeader(path); headerErr == nil && h.Salt == name {
		return err
	}
	if left := o.delete(context.WithoutCancel(ctx), name); left != nil && !errors.Is(left, ErrKeyLost) {
		return fmt.Errorf("%w; %s stays in the OS keyring, of no use: %w", err, account(name), left)
	}
	return err
}
