package authenticator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// resetWindow is how long after its start a device without a display can be
// reset: a restart is the only proof that its owner means it (§6.6).
const resetWindow = 10 * time.Second

// ErrResetBegun tells that a reset failed after it had begun.
var ErrResetBegun = errors.New("the reset has begun and cannot be undone")

// reset is authenticatorReset (§6.6).
func (a *Authenticator) reset(ctx context.Context, s *ctap.Session, _ []byte) (any, error) {
	if a.profile.ResetTransports != nil && !slices.Contains(a.profile.ResetTransports, s.Transport) {
		return nil, ctap.ErrOperationDenied
	}
	if age := a.now().Sub(a.started); !a.profile.Display && (age > resetWindow || age < 0) {
		return nil, ctap.ErrNotAllowed
	}
	return nil, a.askToErase(ctx, s)
}

// askToErase erases everything once the person has agreed.
func (a *Authenticator) askToErase(ctx context.Context, s *ctap.Session) error {
	consent, err := a.ask(ctx, s, Prompt{Operation: Reset, LongTouch: a.state.LongTouchForReset})
	if err != nil {
		return err
	}
	// It may have been turned on while the person was asked.
	if a.state.LongTouchForReset && !consent.LongTouch {
		return ctap.ErrOperationDenied
	}
	return a.erase(ctx)
}

// finishReset finishes a reset that failed half way, before anything else: what
// was made meanwhile would go with it at the next start.
func (a *Authenticator) finishReset(ctx context.Context) error {
	if !a.state.ResetIntent {
		return nil
	}
	if err := a.erase(ctx); err != nil {
		return fmt.Errorf("finish a reset: %w", err)
	}
	a.log.Warn("a reset that had failed half way is finished: every passkey and the PIN are gone")
	a.finishedReset = true
	return nil
}

// FinishedReset tells whether the device has finished a reset that was cut short,
// at its start or since: whoever looks for passkeys should hear where they went.
func (a *Authenticator) FinishedReset() bool {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.finishedReset
}

// erase forgets everything. The intent is durable before the root's secrets
// die, and the vault is emptied last, so that a crash at any point leaves a
// reset to finish and never passkeys without their PIN. Repeatable: from the
// intent on an error is ErrResetBegun.
func (a *Authenticator) erase(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	// An intent that cannot be carried out would stop the device for good.
	if root, ok := a.root.(keystore.ResetChecker); ok && !a.state.ResetIntent {
		if err := root.CheckReset(ctx); err != nil {
			return fmt.Errorf("reset root: %w", err)
		}
	}
	if err := a.change(ctx, func(s *state) { s.ResetIntent = true }); err != nil {
		return err
	}
	a.lock()
	a.removals++
	a.pins++
	if err := a.root.Reset(ctx); err != nil {
		return fmt.Errorf("%w: reset root: %w", ErrResetBegun, err)
	}
	fresh := a.fresh(false, &a.state)
	if err := a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		*s = fresh
		return tx.Wipe()
	}); err != nil {
		return fmt.Errorf("%w: %w", ErrResetBegun, err)
	}
	a.pinSet, a.pin, a.keyAgreements, a.counter = false, pinState{}, nil, counter{}
	for s := range a.touches {
		a.dropTouch(s)
	}
	return nil
}
