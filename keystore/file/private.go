package file

import "os"

// CheckPrivate refuses an open file of secrets, found at path, that is not a
// regular one, that others than its owner can use, or that is neither ours nor
// the system's.
func CheckPrivate(f *os.File, path string) error { return checkPrivate(f, path, 0o077) }
