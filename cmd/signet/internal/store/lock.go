package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
)

// A BusyError tells that another process uses the store; it is
// keystore.ErrInUse.
type BusyError struct {
	// Path of the lock, and what its holder wrote about itself.
	Path, Holder string
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is held by %s", e.Path, e.Holder)
}

// Unwrap makes a BusyError a keystore.ErrInUse.
func (e *BusyError) Unwrap() error { return keystore.ErrInUse }

// lock is a lock file that this process holds. The system lets it go with the
// process, however that ends.
type lock struct{ file *flock.Flock }

func acquire(path string) (*lock, error) {
	f, err := file.Lock(path)
	if errors.Is(err, keystore.ErrInUse) {
		return nil, &BusyError{Path: path, Holder: holder(path)}
	}
	if err != nil {
		return nil, err
	}
	// What stands in the file is for people only, so it need not be durable,
	// and a disk that is too full for it is no reason to stop here.
	_ = sign(path, f)
	return &lock{f}, nil
}

// sign writes into a lock file who holds it. What stands at path by now may be
// another file, which is left alone.
func sign(path string, held *flock.Flock) error {
	info, err := held.Stat()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil || !os.SameFile(info, opened) {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "signet, process %d, since %s\n", os.Getpid(), time.Now().Format(time.DateTime))
	return err
}

func holder(path string) string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" && len(s) < 100 {
		return s
	}
	return "another process"
}

func (l *lock) release() error { return l.file.Close() }
