//go:build unix

package console

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// checkGiven refuses a descriptor that the caller of the program did not open.
// What this program and its runtime have opened themselves in the meantime is
// closed on exec; no descriptor that it was given is.
func checkGiven(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return errNotOpen
	}
	return nil
}

// duplicate opens fd a second time, so that closing does not end the first.
func duplicate(fd int, name string) (*os.File, error) {
	if err := checkGiven(fd); err != nil {
		return nil, err
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(dup), name), nil
}

// CheckWritableFD refuses a descriptor that the caller of the program did not
// open, or not for writing.
func CheckWritableFD(fd int) error {
	if err := checkGiven(fd); err != nil {
		return err
	}
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if mode&unix.O_ACCMODE == unix.O_RDONLY {
		return errors.New("it is not open for writing")
	}
	return nil
}
