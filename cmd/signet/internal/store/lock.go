package store

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-77d61853/signet/keystore"
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
	f := flock.New(path, flock.SetPermissions(0o600))
	ok, err := f.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &BusyError{Path: path, Holder: holder(path)}
	}
	// What stands in the file is for people only, so it need not be durable,
	// and a disk that is too full for it is no reason to stop here.
	note := fmt.Sprintf("signet, process %d, since %s\n", os.Getpid(), time.Now().Format(time.DateTime))
	_ = os.WriteFile(path, []byte(note), 0o600)
	return &lock{f}, nil
}

func holder(path string) string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" && len(s) < 100 {
		return s
	}
	return "another process"
}

func (l *lock) release() error { return l.file.Close() }
