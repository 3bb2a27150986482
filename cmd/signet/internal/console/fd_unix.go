//go:build unix

package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicate opens fd a second time, so that closing does not end the first.
func duplicate(fd int, name string) (*os.File, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(dup), name), nil
}
