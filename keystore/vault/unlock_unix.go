//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package vault

import (
	"os"
	"syscall"
)

// unlock gives up bbolt's lock on a file. Closing the file does not, as long as
// it is mapped.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
