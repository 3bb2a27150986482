// Package access tells who else can read or change a file.
package access

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// CheckOwned refuses a file or folder, found at path, that is not this user's,
// or whose mode has one of the bits barred. Where files have no such owner it
// refuses nothing.
func CheckOwned(path string, info fs.FileInfo, barred fs.FileMode) error {
	return check(path, info, barred, os.Geteuid())
}

// CheckSecret refuses an open file, found at path, that others can read or
// change: its mode lets them, or it is neither this user's nor root's. A pipe or
// a terminal is the business of who opened it.
func CheckSecret(path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return check(path, info, 0o077, os.Geteuid(), 0)
}

func check(path string, info fs.FileInfo, barred fs.FileMode, owners ...int) error {
	uid, known := Owner(info)
	switch mode := info.Mode().Perm(); {
	case !known:
		return nil
	case !slices.Contains(owners, uid):
		return fmt.Errorf("%s belongs to user %d, not to you: %w", path, uid, fs.ErrPermission)
	case mode&barred != 0:
		return fmt.Errorf("%s has mode %04o, which lets others use it: set it to %04o", path, mode, mode&^barred)
	}
	return nil
}
