package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/seed-77d61853/signet/keystore"
)

// watchedRoot is a root that warns the person when few PIN tries are left,
// whichever client spent them.
type watchedRoot struct {
	keystore.Root
	log *slog.Logger
}

func (r watchedRoot) Gate() keystore.Gate { return watchedGate{r.Root.Gate(), r.log} }

type watchedGate struct {
	keystore.Gate
	log *slog.Logger
}

// fewRetries is the number of tries left at which the person is warned.
const fewRetries = 3

func (g watchedGate) Open(ctx context.Context, pinHash []byte) error {
	err := g.Gate.Open(ctx, pinHash)
	if !errors.Is(err, keystore.ErrWrongPIN) && !errors.Is(err, keystore.ErrPINBlocked) {
		return err
	}
	state, stateErr := g.State(ctx)
	switch {
	case stateErr != nil:
	case state.Retries == 0:
		g.log.Warn("the PIN is blocked: only a reset helps, and it erases every passkey")
	case state.Retries <= fewRetries:
		g.log.Warn("wrong PIN: when no try is left only a reset helps, and it erases every passkey", "tries left", state.Retries)
	default:
		g.log.Info("wrong PIN", "tries left", state.Retries)
	}
	return err
}

// reportClock warns of a clock that stands before the vault's last write.
// Nothing rests on it but dates that are shown.
func reportClock(log *slog.Logger, vaultPath string) {
	fi, err := os.Stat(vaultPath)
	if err == nil && fi.ModTime().After(time.Now().Add(time.Minute)) {
		log.Warn("the clock stands before the last use of the store; timers and counters are not affected",
			"last use", fi.ModTime().Format(time.DateTime), "file", vaultPath)
	}
}
