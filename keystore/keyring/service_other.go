//go:build !linux

package keyring

import (
	"context"
	"runtime"
)

// Available tells whether there is an OS keyring, without waking or unlocking
// it: nil, or ErrNoService.
func Available(context.Context) error {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return nil
	}
	return ErrNoService
}

// Locked tells whether the OS keyring is locked, so that a person would be asked
// for its password, and asks nobody. Where that cannot be known it is false.
func Locked(context.Context) bool { return false }

func hasNoDefault(context.Context) bool { return false }

func explainBus(error) error { return nil }
