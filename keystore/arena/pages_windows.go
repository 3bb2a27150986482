package arena

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pages makes memory and locks it. With an error the memory is there but not
// locked.
func pages(size int) ([]byte, error) {
	b := make([]byte, size) // is kept for ever, and stays where it is
	if err := windows.VirtualLock(uintptr(unsafe.Pointer(&b[0])), uintptr(size)); err != nil {
		return b, fmt.Errorf("lock memory: %w", err)
	}
	return b, nil
}
