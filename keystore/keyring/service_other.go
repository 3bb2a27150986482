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

func hasNoDefault(context.Context) bool { return false }

func explainBus(error) error { return nil }
