//go:build unix && !linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noCoreDumps keeps secrets out of core dumps.
func noCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch off core dumps: %w", err)
	}
	return nil
}
