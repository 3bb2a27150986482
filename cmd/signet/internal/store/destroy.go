package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Destroy removes an open store. What forget destroys, the root's secrets outside
// of the folder, goes first and the header goes last: after a crash nothing opens
// any more, and Destroy can be called again. Files that are not the store's are
// left, and named in an error.
func (s *Store) Destroy(forget func(*Store) error) error {
	if err := forget(s); err != nil {
		return fmt.Errorf("destroy store: %w", err)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return fmt.Errorf("destroy store: %w", err)
	}
	var names, foreign []string
	for _, e := range entries {
		switch name := e.Name(); {
		case name == headerFile, name == lockFile:
		case ours(name, e.Type()):
			names = append(names, name)
		default:
			foreign = append(foreign, name)
		}
	}
	// The root first: "root" sorts before "vault.db".
	slices.Sort(names)
	for _, name := range append(names, headerFile, lockFile) {
		if err := os.Remove(filepath.Join(s.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("destroy store: %w", err)
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf("the device is destroyed, but %s holds what is not signet's: %s", s.Path, strings.Join(foreign, ", "))
	}
	if err := os.Remove(s.Path); err != nil {
		return fmt.Errorf("destroy store: %w", err)
	}
	return nil
}

// ours tells whether a file of the folder is the store's: the root, the vault,
// what a crash left of writing them, and sockets.
func ours(name string, kind fs.FileMode) bool {
	if kind&fs.ModeSocket != 0 {
		return true
	}
	name = strings.TrimPrefix(name, ".")
	return kind.IsRegular() && slices.ContainsFunc([]string{rootFile, vaultFile, moveFile, headerFile, unfinishedFile}, func(own string) bool {
		return strings.HasPrefix(name, own)
	})
}
