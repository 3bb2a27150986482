//go:build unix && !linux && !aix && !solaris && !illumos

package arena

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pages maps memory and locks it. With an error the memory is there but not
// locked, or there is none.
func pages(size int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("map memory: %w", err)
	}
	if err := unix.Mlock(b); err != nil {
		return b, fmt.Errorf("lock memory: %w", err)
	}
	return b, nil
}
