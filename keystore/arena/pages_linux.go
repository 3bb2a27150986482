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
	// Core dumps are the lesser danger: where the kernel cannot leave the pages
	// out, they are locked all the same.
	dumped := unix.Madvise(b, unix.MADV_DONTDUMP)
	if err := unix.Mlock(b); err != nil {
		return b, fmt.Errorf("lock memory (raise the limit with ulimit -l, or LimitMEMLOCK in a unit): %w", err)
	}
	if dumped != nil {
		return b, fmt.Errorf("keep memory out of core dumps: %w", dumped)
	}
	return b, nil
}
