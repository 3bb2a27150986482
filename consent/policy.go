package consent

import (
	"context"
	"log/slog"

	"github.com/seed-77d61853/signet/authenticator"
)

// A Policy gives every question the same answer without asking anybody. It is
// for tests: under Always, whoever reaches a door uses the passkeys. It never
// verifies, so built-in user verification does not follow from it; its approval
// counts as a long touch.
type Policy struct {
	// Approve is the answer.
	Approve bool
	// Log receives one line for each answer; nil: none.
	Log *slog.Logger
}

// Ask answers p at once. A question that has several accounts gets the first.
func (u Policy) Ask(ctx context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
	if err := ctx.Err(); err != nil {
		return authenticator.Consent{}, err
	}
	if u.Log != nil {
		u.Log.Warn("answered without asking anybody", "policy", u.String(), "operation", p.Operation.String(),
			"site", Site(p), "asked by", requester(p))
	}
	return authenticator.Consent{Present: u.Approve, LongTouch: u.Approve && p.LongTouch}, nil
}

// String gives the policy's name: "always" or "never".
func (u Policy) String() string {
	if u.Approve {
		return "always"
	}
	return "never"
}
