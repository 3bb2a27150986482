package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// A link in the lock's place makes nothing elsewhere.
func TestLockFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, "root.lock"), filepath.Join(dir, "elsewhere")
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if lock, err := Lock(path); err == nil {
		lock.Close()
		t.Error("locked through a link")
	}
	if _, err := os.Lstat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the link leads to was made: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	lock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := Lock(path); !errors.Is(err, keystore.ErrInUse) {
		t.Errorf("locked twice: %v", err)
	}
}
