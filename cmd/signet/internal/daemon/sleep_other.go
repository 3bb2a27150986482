//go:build !linux

package daemon

import (
	"context"
	"log/slog"
)

// watchSleep has nothing to listen to: watchClock notices a sleep afterwards.
func watchSleep(context.Context, *slog.Logger, func(context.Context)) error { return nil }
