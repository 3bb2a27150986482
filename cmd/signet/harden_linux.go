package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noCoreDumps keeps secrets out of core dumps, and other processes of the same
// user from reading this one's memory.
func noCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch off core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("switch off core dumps: %w", err)
	}
	return nil
}
