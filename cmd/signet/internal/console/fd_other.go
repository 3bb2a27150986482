//go:build !unix

package console

import (
	"errors"
	"os"
)

func duplicate(int, string) (*os.File, error) {
	return nil, errors.New("file descriptors are not inherited on this system: use a file")
}
