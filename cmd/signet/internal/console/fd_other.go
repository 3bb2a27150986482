//go:build !unix

package console

import (
	"errors"
	"os"
)

func duplicate(int, string) (*os.File, error) {
	return nil, errNotInherited
}

// CheckWritableFD refuses every descriptor but the standard ones.
func CheckWritableFD(fd int) error {
	if fd > 2 {
		return errNotInherited
	}
	return nil
}

var errNotInherited = errors.New("file descriptors are not inherited on this system: use a file")
