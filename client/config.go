package client

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// EnableEnterpriseAttestation lets sites ask for attestation that identifies
// this one device (§6.11.1). The token of this and the other settings needs
// ctap.PermissionACFG; it is nil where the device has no verification set up.
func (a *Authenticator) EnableEnterpriseAttestation(ctx context.Context, t *Token) error {
	return a.config(ctx, t, ctap.ConfigEnableEnterpriseAttestation, nil)
}

// ToggleAlwaysUV switches whether the device always verifies the person
// (§6.11.2).
func (a *Authenticator) ToggleAlwaysUV(ctx context.Context, t *Token) error {
	return a.config(ctx, t, ctap.ConfigToggleAlwaysUv, nil)
}

// SetMinPINLength sets the PIN policy (§6.11.4).
func (a *Authenticator) SetMinPINLength(ctx context.Context, t *Token, params *ctap.SetMinPINLengthParams) error {
	return a.config(ctx, t, ctap.ConfigSetMinPINLength, params)
}

// EnableLongTouchForReset makes Reset ask for a long touch (§6.11.5).
func (a *Authenticator) EnableLongTouchForReset(ctx context.Context, t *Token) error {
	return a.config(ctx, t, ctap.ConfigEnableLongTouchForReset, nil)
}

func (a *Authenticator) config(ctx context.Context, t *Token, sub uint64, params *ctap.SetMinPINLengthParams) error {
	req := &ctap.ConfigRequest{SubCommand: &sub}
	if params != nil {
		raw, err := ctap.Marshal(params)
		if err != nil {
			return fmt.Errorf("%v: %w", ctap.CommandConfig, err)
		}
		req.SubCommandParams = raw
	}
	prefix := bytes.Repeat([]byte{0xFF}, 32)
	prefix = append(prefix, byte(ctap.CommandConfig), byte(sub))
	req.PinUvAuthParam, req.PinUvAuthProtocol = t.param(prefix, req.SubCommandParams)
	return a.call(ctx, ctap.CommandConfig, req, nil)
}
