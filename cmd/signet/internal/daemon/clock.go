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

// watchClock reports jumps of the wall clock. They do no harm to a running
// device, whose timers rest on the monotonic clock, but explain odd dates.
func watchClock(ctx context.Context, log *slog.Logger) error {
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
		// Round(0) drops the monotonic reading.
		reportJump(log, now.Round(0).Sub(last.Round(0))-now.Sub(last))
		last = now
	}
}

func reportJump(log *slog.Logger, by time.Duration) {
	switch {
	case by < -clockTolerance:
		log.Warn("the clock jumped back; timers and counters are not affected", "by", -by)
	case by > clockTolerance:
		log.Warn("the clock jumped ahead; timers and counters are not affected", "by", by)
	}
}
