package daemon

import (
	"context"
	"log/slog"
	"time"
)

const (
	clockInterval  = 10 * time.Second
	clockTolerance = 2 * time.Second
)

// watchClock looks for jumps of the wall clock, and locks the device after each:
// one ahead is how a machine that slept wakes up. Counters do not use the clock.
func watchClock(ctx context.Context, log *slog.Logger, lock func(context.Context)) error {
	ticker := time.NewTicker(clockInterval)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		// Round(0) drops the monotonic reading, which stands still in sleep.
		if by := now.Round(0).Sub(last.Round(0)) - now.Sub(last); jumped(log, by) {
			lock(ctx)
		}
		last = now
	}
}

func jumped(log *slog.Logger, by time.Duration) bool {
	switch {
	case by < -clockTolerance:
		log.Warn("the clock jumped back: who had proven the PIN has to prove it again", "by", -by)
	case by > clockTolerance:
		log.Warn("the clock jumped ahead, or the machine slept: who had proven the PIN has to prove it again", "by", by)
	default:
		return false
	}
	return true
}
