package rptest

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/rptest/attest"
)

// A verdict stands between two controls: the same ceremony without the fault, and
// for a case of several requests an honest registration and, where somebody signs in
// in the case, sign-in. A site that refuses one refuses everybody, and its refusal of
// the fault says nothing.

// control plays one, and makes its failure the result. It reports whether there is
// none.
func (r *run) control(ctx context.Context, role string, result *Result) (*attempt, bool) {
	a := r.attempt(ctx, result.Case, role)
	return a, a.settle(result)
}

// tellFormat tells the failure of a case's first control that is the site's affair
// from those that leave the case without a verdict: the site takes a registration to
// the same options whose statement is of another format. Which formats it takes, the
// standard leaves to it (WebAuthn §7.1 step 21). Where the case is about the site's
// trust in the very format, nothing is told apart.
func (r *run) tellFormat(ctx context.Context, a *attempt, result *Result) {
	c := result.Case
	if result.Outcome != ControlFailed || !a.unregistered || !slices.Contains(c.Needs, NeedAttestation) {
		return
	}
	refused := r.format(c)
	for _, other := range []DeviceConfig{{}, {Attestation: attest.Packed}, {Attestation: attest.None}} {
		plain := Case{ID: c.ID, Kind: Registering, Needs: c.Needs, Device: other}
		if r.format(plain) == refused {
			continue
		}
		if b := r.attempt(ctx, plain, "control of another format"); b.err == nil && b.outcome == Accepted {
			result.Outcome = NotApplicable
			result.Detail = fmt.Sprintf("not applicable: the site takes statements of the format %s, and none of the format %s: %s",
				r.format(plain), refused, a.detail)
			return
		}
	}
}

// format is that of a case's device. A config that is no device's has none, and the
// attempt at the case has told of it.
func (r *run) format(c Case) attest.Format {
	config, err := c.Device.over(r.Device).settled()
	if err != nil {
		return ""
	}
	return config.Attestation
}
