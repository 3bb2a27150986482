package file

import (
	"fmt"
	"os"

	"github.com/gofrs/flock"

	"github.com/seed-77d61853/signet/keystore"
)

// Lock takes the lock file at path, which it makes where there is none, of mode
// 0600: keystore.ErrInUse where another process has it. A link in its place is
// an error: what it leads to may be anything.
func Lock(path string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|noFollow), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !locked {
		return nil, keystore.ErrInUse
	}
	return lock, nil
}
