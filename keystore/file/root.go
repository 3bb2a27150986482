// Package file is the root in one encrypted file, which a passphrase opens, or
// a key file kept elsewhere. The PIN's tries are counted in the file: whoever
// can bring back an old copy of it has them again, so against someone with the
// disk the passphrase stands alone.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// ErrWrongSecret tells that a passphrase or key file is not the one that the
// root file was sealed with.
var ErrWrongSecret = errors.New("wrong passphrase or key file")

// keepOpen bounds the opened keys that a root keeps of each protection.
const keepOpen = 1024

// Options say how a root file is made.
type Options struct {
	// KDF stretches passphrase and PINs; zero: software.DefaultKDF.
	KDF software.KDF
}

// Root is an open root file. It implements keystore.Root.
type Root struct {
	*software.Root
	path   string
	header *Header
	key    *keystore.Secret // seals the file
	lock   *flock.Flock
}

// Create makes a root file with fresh secrets and no PIN: fs.ErrExist where
// there is a file. It is on disk when Create returns.
func Create(path string, secret Secret, opts Options) error {
	if err := create(path, secret, opts); err != nil {
		return fmt.Errorf("create root file %s: %w", path, err)
	}
	return nil
}

func create(path string, secret Secret, opts Options) error {
	if err := secret.check(); err != nil {
		return err
	}
	if opts.KDF == (software.KDF{}) {
		opts.KDF = software.DefaultKDF()
	}
	if err := opts.KDF.Check(); err != nil {
		return err
	}
	header := newHeader(secret.kind, opts.KDF)
	stretched, err := secret.stretch(header, path)
	if err != nil {
		return err
	}
	defer stretched.Wipe()
	key, err := fileKey(stretched)
	if err != nil {
		return err
	}
	defer key.Wipe()
	state := software.NewState()
	defer state.Wipe()
	data, err := seal(header, key, state)
	if err != nil {
		return err
	}
	return writeNew(path, data)
}

// Open opens a root file: fs.ErrNotExist where there is none, which is never
// made afresh, ErrWrongSecret, keystore.ErrInUse where another process has it
// open, keystore.ErrNewerSchema, keystore.ErrCorrupt. It holds a lock beside
// the file, path.lock, until Close. With a passphrase it takes the time that
// the file's KDF asks for; ctx is honoured before.
func Open(ctx context.Context, path string, secret Secret) (*Root, error) {
	r, err := open(ctx, path, secret)
	if err != nil {
		return nil, fmt.Errorf("open root file %s: %w", path, err)
	}
	return r, nil
}

func open(ctx context.Context, path string, secret Secret) (*Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := secret.check(); err != nil {
		return nil, err
	}
	// The file itself is replaced, not a link to it.
	path, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the passkeys cannot be used without it; bring it back from a backup: %w", err)
	}
	if err != nil {
		return nil, err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !locked {
		return nil, keystore.ErrInUse
	}
	r := &Root{path: path, lock: lock}
	if err := r.load(secret); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return r, nil
}

func (r *Root) load(secret Secret) error {
	data, err := read(r.path)
	if err != nil {
		return err
	}
	var sealed []byte
	if r.header, sealed, err = parseHeader(data); err != nil {
		return err
	}
	stretched, err := secret.stretch(r.header, r.path)
	if err != nil {
		return err
	}
	defer stretched.Wipe()
	if r.key, err = fileKey(stretched); err != nil {
		return err
	}
	state, err := unseal(sealed, r.key)
	if err != nil {
		r.key.Wipe()
		return err
	}
	r.Root = software.New(state, software.Options{Save: r.save, KDF: r.header.KDF, KeepOpen: keepOpen})
	return nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkPrivate(f, path); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// ReadHeader reads what a root file shows without its secret.
func ReadHeader(path string) (*Header, error) {
	data, err := read(path)
	if err == nil {
		var h *Header
		if h, _, err = parseHeader(data); err == nil {
			return h, nil
		}
	}
	return nil, fmt.Errorf("read root file %s: %w", path, err)
}

// Header returns what the file shows without its secret.
func (r *Root) Header() Header { return *r.header }

func (r *Root) save(state *software.State) error {
	data, err := seal(r.header, r.key, state)
	if err != nil {
		return fmt.Errorf("seal root file %s: %w", r.path, err)
	}
	if err := replace(r.path, data); err != nil {
		return fmt.Errorf("write root file %s: %w", r.path, err)
	}
	return nil
}

// Close implements keystore.Root.
func (r *Root) Close() error {
	err := r.Root.Close()
	r.key.Wipe()
	return errors.Join(err, r.lock.Close())
}
