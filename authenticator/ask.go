package authenticator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/internal/patience"
)

// userActionTimeout is how long the person has for an answer (§5.1; at least
// ten seconds).
const userActionTimeout = 30 * time.Second

// ask puts a question to the person. It lets the turn go meanwhile, so other
// commands run; other questions wait their place. The answer is a Consent that
// is Present, or ErrOperationDenied, ErrUserActionTimeout or ErrKeepaliveCancel.
// No answer outlives the device that the person was asked about.
func (a *Authenticator) ask(ctx context.Context, s *ctap.Session, p Prompt) (Consent, error) {
	device := a.state.DeviceID
	consent, err := a.askMeanwhile(ctx, s, p)
	if err == nil && (a.closed || a.state.ResetIntent || a.state.DeviceID != device) {
		return Consent{}, fmt.Errorf("closed or reset meanwhile: %w", ctap.ErrOperationDenied)
	}
	return consent, err
}

func (a *Authenticator) askMeanwhile(ctx context.Context, s *ctap.Session, p Prompt) (Consent, error) {
	p.Transport, p.Peer = cmp.Or(s.Door, s.Transport), s.Peer
	a.turn.Unlock()
	defer a.turn.Lock()

	select {
	case a.asking <- struct{}{}:
	default: // another question is being asked
		select {
		case a.asking <- struct{}{}:
		case <-ctx.Done():
			return Consent{}, ctap.ErrKeepaliveCancel
		}
	}
	defer func() { <-a.asking }()
	s.SetUserNeeded(true)
	defer s.SetUserNeeded(false)
	return a.answer(ctx, p)
}

// answer waits for the person, for as long as they have.
func (a *Authenticator) answer(ctx context.Context, p Prompt) (Consent, error) {
	limited := patience.For(ctx, userActionTimeout)
	defer limited.End()
	consent, err := a.user.Ask(limited, p)
	switch {
	case ctx.Err() != nil:
		return Consent{}, ctap.ErrKeepaliveCancel
	case limited.Over():
		return Consent{}, ctap.ErrUserActionTimeout
	case err != nil:
		a.log.Error("nobody could be asked", "operation", p.Operation.String(), "error", err)
		return Consent{}, fmt.Errorf("%w: %w", ctap.ErrOperationDenied, err)
	case !consent.Present:
		return Consent{}, ctap.ErrOperationDenied
	case consent.Choice < 0 || consent.Choice >= max(1, len(p.Accounts)):
		return Consent{}, fmt.Errorf("choice %d of %d accounts: %w", consent.Choice, len(p.Accounts), ctap.ErrOperationDenied)
	}
	return consent, nil
}

// askPresence asks for a touch, for commands that call a late one a refusal
// (§6.1.2 step 14, §6.2.2 step 8).
func (a *Authenticator) askPresence(ctx context.Context, s *ctap.Session, p Prompt) (Consent, error) {
	consent, err := a.ask(ctx, s, p)
	if errors.Is(err, ctap.ErrUserActionTimeout) {
		err = ctap.ErrOperationDenied
	}
	return consent, err
}

// askVerified verifies the person by the device's own means: built-in user
// verification (§6.5.3.1). While the caller's command runs the gate stays
// open; the caller calls done at its end, whatever the outcome.
func (a *Authenticator) askVerified(ctx context.Context, s *ctap.Session, p Prompt) (consent Consent, done func(), err error) {
	a.verifying++
	done = func() { a.verifying-- }
	state, err := a.gate.State(ctx)
	if err != nil {
		return Consent{}, done, fmt.Errorf("read PIN state: %w", err)
	}
	// A PIN that has to be changed first verifies nobody, wherever it is typed.
	if state.Retries == 0 || a.pin.latched() || a.state.ForcePINChange {
		return Consent{}, done, ctap.ErrUVBlocked
	}
	a.pin.uvCount++
	p.Retries = state.Retries
	var question struct {
		proven bool // what the User says is not enough: the gate must have seen it
		over   bool // from then on nothing would shut the gate again
	}
	p.Verify = func(ctx context.Context, pin []byte) error {
		a.turn.Lock()
		defer a.turn.Unlock()
		if question.over {
			return ctap.ErrNotAllowed
		}
		hash := pinuv.HashPIN(pin)
		defer clear(hash[:])
		err := a.tryPIN(ctx, hash[:])
		question.proven = question.proven || err == nil
		return err
	}
	consent, err = a.ask(ctx, s, p)
	question.over = true
	if err != nil {
		return Consent{}, done, err
	}
	if a.state.ForcePINChange {
		return Consent{}, done, ctap.ErrUVBlocked
	}
	if !consent.Verified || !question.proven || !a.opened { // Lock may have shut the gate meanwhile
		return Consent{}, done, ctap.ErrUVInvalid
	}
	return consent, done, nil
}

// uvConfigured reports whether built-in user verification works now: the
// device can verify, and there is a PIN behind it.
func (a *Authenticator) uvConfigured() bool { return a.canVerify() && a.pinSet }

func (a *Authenticator) canVerify() bool {
	v, ok := a.user.(Verifier)
	return ok && v.CanVerify()
}

// protected reports whether some form of user verification is set up (§6.1.2).
func (a *Authenticator) protected() bool { return a.profile.ClientPIN && a.pinSet || a.uvConfigured() }
