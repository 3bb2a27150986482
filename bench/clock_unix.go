//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime is what this process has had of the processor: others that want
// it too do not count.
func processorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return wallTime()
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
