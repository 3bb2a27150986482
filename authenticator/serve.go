package authenticator

import (
	"context"
	"slices"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// A command is one row of the dispatch table.
type command struct {
	section string
	// continues is the kind of pending state that the command may continue;
	// any other command of the session drops what is pending.
	continues pendingKind
	// serve answers; a nil reply is a bare StatusOK.
	serve func(a *Authenticator, ctx context.Context, s *ctap.Session, params []byte) (reply any, err error)
	// extension is the one without which the command is not there; empty: it
	// always is.
	extension string
}

var commands = map[ctap.Command]command{
	ctap.CommandMakeCredential:              {"§6.1", pendingNothing, decoded((*Authenticator).makeCredential), ""},
	ctap.CommandGetAssertion:                {"§6.2", pendingNothing, decoded((*Authenticator).getAssertion), ""},
	ctap.CommandGetNextAssertion:            {"§6.3", pendingAssertions, bare((*Authenticator).getNextAssertion), ""},
	ctap.CommandGetInfo:                     {"§6.4", pendingNothing, bare((*Authenticator).getInfo), ""},
	ctap.CommandClientPIN:                   {"§6.5.5", pendingNothing, (*Authenticator).clientPIN, ""},
	ctap.CommandReset:                       {"§6.6", pendingNothing, (*Authenticator).reset, ""},
	ctap.CommandCredentialManagement:        {"§6.8", pendingEnumeration, (*Authenticator).credentialManagement, ""},
	ctap.CommandCredentialManagementPreview: {"§6.8", pendingEnumeration, (*Authenticator).credentialManagement, ""},
	ctap.CommandSelection:                   {"§6.9", pendingNothing, (*Authenticator).selection, ""},
	ctap.CommandLargeBlobs:                  {"§6.10", pendingBlob, (*Authenticator).largeBlobs, ctap.ExtLargeBlobKey},
	ctap.CommandConfig:                      {"§6.11", pendingNothing, (*Authenticator).config, ""},
}

// decoded serves a command that takes its parameters decoded.
func decoded[Q any, P interface {
	*Q
	Unmarshal(params []byte) error
}, R any](serve func(*Authenticator, context.Context, *ctap.Session, P) (*R, error)) func(*Authenticator, context.Context, *ctap.Session, []byte) (any, error) {
	return func(a *Authenticator, ctx context.Context, s *ctap.Session, params []byte) (any, error) {
		req := P(new(Q))
		if err := req.Unmarshal(params); err != nil {
			return nil, err
		}
		return serve(a, ctx, s, req)
	}
}

// bare serves a command without parameters.
func bare[R any](serve func(*Authenticator, context.Context, *ctap.Session) (*R, error)) func(*Authenticator, context.Context, *ctap.Session, []byte) (any, error) {
	return func(a *Authenticator, ctx context.Context, s *ctap.Session, _ []byte) (any, error) {
		return serve(a, ctx, s)
	}
}

// ServeCTAP answers one CTAP2 request (§6).
func (a *Authenticator) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	reply, err := a.dispatch(ctx, s, req)
	if err != nil {
		return []byte{byte(a.refuse(commandOf(req), err))}
	}
	return reply
}

// refuse logs why a command failed, and gives the status that tells the client.
func (a *Authenticator) refuse(command string, err error) ctap.Status {
	status := ctap.StatusOf(err)
	if status == ctap.ErrOther {
		a.log.Error("request failed", "command", command, "error", err)
	}
	a.log.Debug("request refused", "command", command, "status", status.Name())
	return status
}

func commandOf(req []byte) string {
	if len(req) == 0 {
		return "none"
	}
	return ctap.Command(req[0]).String()
}

func (a *Authenticator) dispatch(ctx context.Context, s *ctap.Session, req []byte) ([]byte, error) {
	if len(req) == 0 {
		return nil, ctap.ErrInvalidCommand
	}
	if len(req) > s.RequestLimit() {
		return nil, ctap.ErrRequestTooLarge
	}
	cmd, ok := commands[ctap.Command(req[0])]
	if !ok || cmd.extension != "" && !a.profile.has(cmd.extension) {
		return nil, ctap.ErrInvalidCommand
	}

	return take(a, ctx, s, cmd.continues, func() ([]byte, error) {
		reply, err := cmd.serve(a, ctx, s, req[1:])
		if err != nil {
			return nil, err
		}
		if reply == nil {
			return []byte{byte(ctap.StatusOK)}, nil
		}
		return ctap.MarshalReply(reply)
	})
}

// take serves a command when the device's turn is its.
func take[R any](a *Authenticator, ctx context.Context, s *ctap.Session, continues pendingKind, serve func() (R, error)) (none R, err error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.closed {
		return none, ctap.ErrNotAllowed
	}
	if err := a.finishReset(ctx); err != nil {
		return none, err
	}
	if ctx.Err() != nil {
		return none, ctap.ErrKeepaliveCancel
	}
	a.passTime()
	if a.pending.session == s && a.pending.kind != continues {
		a.pending.drop()
	}
	defer a.settleGate()
	return serve()
}

// passTime ends what has outlived its limits.
func (a *Authenticator) passTime() (now time.Time) {
	now = a.now()
	a.token.observe(now)
	a.pending.expire(now, &a.token)
	return now
}

// settleGate ends what has outlived its limits, shuts the gate unless something
// rests on it, and looks again when that can have changed. What rests on it: a
// command that has the PIN, a token that still gives some permission, and the
// assertions of a verified person that wait to be fetched.
func (a *Authenticator) settleGate() {
	now := a.passTime()
	var again []time.Duration
	rests := a.verifying > 0
	if a.token.inUse {
		again = append(again, a.token.until(now))
		rests = rests || a.token.permissions != 0
	}
	if a.pending.kind == pendingAssertions && a.pending.assertions.request.verified {
		again = append(again, a.pending.deadline.Sub(now))
		rests = true
	}
	if a.opened && !rests {
		a.shutGate()
	}
	switch {
	case len(again) == 0:
	case a.gateTimer == nil:
		a.gateTimer = time.AfterFunc(slices.Min(again), a.expire)
	default:
		a.gateTimer.Reset(slices.Min(again))
	}
}

func (a *Authenticator) shutGate() {
	a.gate.Shut()
	a.opened = false
}

// expire settles the gate where no further command comes.
func (a *Authenticator) expire() {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.settleGate()
}
