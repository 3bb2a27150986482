// Package file is the root in one encrypted file. A passphrase opens it, or a
// key of 32 bytes kept elsewhere: in a key file, a systemd credential, or with
// package keyring in the OS keyring. The PIN's tries are counted in the file:
// whoever can bring back an old copy of it has them again, so against someone
// with the disk the passphrase stands alone.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"github.com/seed-77d61853/signet/keystore/software"
)

// ErrWrongSecret tells that a passphrase or key is not the one that the root
// file was sealed with.
var ErrWrongSecret = errors.New("wrong passphrase or key file")

// keepOpen bounds the opened keys that a root keeps of each protection.
const keepOpen = 1024

// Options say how root files are made and opened.
type Options struct {
	// KDF is the least that passphrases and PINs are stretched with when they
	// are set; a file that was made with more keeps it. Zero:
	// software.DefaultKDF.
	KDF software.KDF
}

func (o Options) kdf() software.KDF {
	if o.KDF == (software.KDF{}) {
		return software.DefaultKDF()
	}
	return o.KDF
}

// Root is an open root file. It implements keystore.Root.
type Root struct {
	*software.Root
	path string
	kdf  software.KDF // the least for new passphrases and PINs
	lock *flock.Flock

	mu   sync.Mutex
	seal *seal // how the file is sealed now
}

// Create makes a root file with fresh secrets and no PIN: fs.ErrExist where
// there is a file. It is on disk when Create returns.
func Create(path string, secret Secret, opts Options) error {
	if err := create(path, secret, opts.kdf()); err != nil {
		return fmt.Errorf("create root file %s: %w", path, err)
	}
	return nil
}

func create(path string, secret Secret, kdf software.KDF) error {
	if err := errors.Join(secret.check(), kdf.Check()); err != nil {
		return err
	}
	s, err := newSeal(path, newHeader(secret, kdf), secret)
	if err != nil {
		return err
	}
	defer s.wipe()
	state := software.NewState()
	defer state.Wipe()
	data, err := s.encode(state)
	if err != nil {
		return err
	}
	return writeNew(path, data)
}

// Open opens a root file: fs.ErrNotExist where there is none, which is never
// made afresh, ErrWrongSecret, keystore.ErrInUse where another process has it
// open, keystore.ErrNewerSchema, keystore.ErrCorrupt. It refuses a file that
// others can use, or that is neither ours nor the system's. It holds a lock
// beside the file, path.lock, until Close. With a passphrase it takes the time
// that the file's KDF asks for; ctx is honoured before.
func Open(ctx context.Context, path string, secret Secret) (*Root, error) {
	return Options{}.Open(ctx, path, secret)
}

// Open opens a root file as the function Open does.
func (o Options) Open(ctx context.Context, path string, secret Secret) (*Root, error) {
	r, err := open(ctx, path, secret, o.kdf())
	if err != nil {
		return nil, fmt.Errorf("open root file %s: %w", path, err)
	}
	return r, nil
}

func open(ctx context.Context, path string, secret Secret, kdf software.KDF) (*Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := errors.Join(secret.check(), kdf.Check()); err != nil {
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
	lock, err := Lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	r := &Root{path: path, kdf: kdf, lock: lock}
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
	header, sealed, err := parseHeader(data)
	if err != nil {
		return err
	}
	if r.seal, err = newSeal(r.path, header, secret); err != nil {
		return err
	}
	state, err := unseal(sealed, r.seal.key.Value())
	if err != nil {
		r.seal.wipe()
		return err
	}
	r.Root = software.New(state, software.Options{Save: r.seal.save, KDF: header.KDF.AtLeast(r.kdf), KeepOpen: keepOpen})
	return nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkPrivate(f, path, 0o077); err != nil {
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

// Path returns where the file is, links followed.
func (r *Root) Path() string { return r.path }

// Header returns what the file shows without its secret.
func (r *Root) Header() Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.seal.header
}

// Reseal seals the file with another secret, of any kind, and with today's KDF
// where the file's is weaker. Keys, handles and PIN stay. It is one atomic step:
// after a crash or an error either the old or the new secret opens the file.
// Old copies of the file open with the old secret, and hold the same keys.
func (r *Root) Reseal(ctx context.Context, secret Secret) error {
	if err := r.reseal(ctx, secret); err != nil {
		return fmt.Errorf("seal root file %s anew: %w", r.path, err)
	}
	return nil
}

func (r *Root) reseal(ctx context.Context, secret Secret) error {
	if err := secret.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	header := newHeader(secret, r.seal.header.KDF.AtLeast(r.kdf))
	header.ID = r.seal.header.ID
	next, err := newSeal(r.path, header, secret)
	if err != nil {
		return err
	}
	if err := r.SaveTo(ctx, next.save); err != nil {
		next.wipe()
		return err
	}
	r.seal.wipe()
	r.seal = next
	return nil
}

// Close implements keystore.Root.
func (r *Root) Close() error {
	err := r.Root.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal.wipe()
	return errors.Join(err, r.lock.Close())
}
