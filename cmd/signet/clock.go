package main

import (
	"log/slog"
	"os"
	"time"
)

// reportClock warns of a clock that stands before the vault's last write.
// Nothing rests on it but dates that are shown.
func reportClock(log *slog.Logger, vaultPath string) {
	fi, err := os.Stat(vaultPath)
	if err == nil && fi.ModTime().After(time.Now().Add(time.Minute)) {
		log.Warn("the clock stands before the last use of the store; timers and counters are not affected",
			"last use", fi.ModTime().Format(time.DateTime), "file", vaultPath)
	}
}
