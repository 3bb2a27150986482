package authenticator

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// config is authenticatorConfig (§6.11).
func (a *Authenticator) config(ctx context.Context, _ *ctap.Session, params []byte) (any, error) {
	var req ctap.ConfigRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	sub := *req.SubCommand
	enterprise := a.profile.EnterpriseRPIDs != nil
	switch {
	case sub == ctap.ConfigEnableEnterpriseAttestation && enterprise,
		sub == ctap.ConfigToggleAlwaysUv,
		sub == ctap.ConfigSetMinPINLength:
	default:
		return nil, ctap.ErrInvalidSubcommand
	}
	// Without a PIN, always verifying leaves a device that nobody can use, so
	// turning it off must not need one.
	stuck := sub == ctap.ConfigToggleAlwaysUv && a.state.AlwaysUv && !a.protected()
	if !stuck && (a.protected() || a.state.AlwaysUv) {
		if err := a.authorizeConfig(&req); err != nil {
			return nil, err
		}
	}
	switch sub {
	case ctap.ConfigEnableEnterpriseAttestation:
		return nil, a.change(ctx, func(s *state) { s.Enterprise = true })
	case ctap.ConfigToggleAlwaysUv:
		return nil, a.change(ctx, func(s *state) { s.AlwaysUv = !s.AlwaysUv })
	}
	return nil, a.setMinPINLength(ctx, req.SubCommandParams)
}

// authorizeConfig checks that the token allows this subcommand with these
// parameters.
func (a *Authenticator) authorizeConfig(req *ctap.ConfigRequest) error {
	if req.PinUvAuthParam == nil {
		return ctap.ErrPUATRequired
	}
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return err
	}
	head := []byte{byte(ctap.CommandConfig), byte(*req.SubCommand)}
	if err := a.token.verify(p, req.PinUvAuthParam, authPrefix(), head, req.SubCommandParams); err != nil {
		return err
	}
	return a.token.require(ctap.PermissionACFG)
}

// setMinPINLength is §6.11.4. Everything is checked before anything changes.
func (a *Authenticator) setMinPINLength(ctx context.Context, params ctap.RawMessage) error {
	var in ctap.SetMinPINLengthParams
	if params != nil {
		if err := in.Unmarshal(params); err != nil {
			return err
		}
	}
	length := a.state.MinPINLength
	if in.NewMinPINLength != nil {
		length = *in.NewMinPINLength
	}
	complexity := a.state.PINComplexity || in.PINComplexityPolicy && a.profile.has(ctap.ExtPINComplexityPolicy)
	switch {
	case len(in.MinPINLengthRPIDs) > 0 && !a.profile.has(ctap.ExtMinPINLength) && !a.profile.has(ctap.ExtPINComplexityPolicy):
		return ctap.ErrInvalidParameter
	case length < a.state.MinPINLength, length > ctap.MaxPINBytes:
		return ctap.ErrPINPolicyViolation
	case in.ForceChangePIN && !a.pinSet:
		return ctap.ErrPINNotSet
	case len(in.MinPINLengthRPIDs) > a.profile.MaxMinPINLengthRPIDs:
		return ctap.ErrKeyStoreFull
	}
	unfit := a.pinSet && (a.state.PINCodePoints < length || complexity && !a.state.PINComplex)
	force := a.state.ForcePINChange || in.ForceChangePIN || unfit
	err := a.change(ctx, func(s *state) {
		s.MinPINLength, s.PINComplexity, s.ForcePINChange = length, complexity, force
		if len(in.MinPINLengthRPIDs) > 0 {
			s.MinPINLengthRPIDs = in.MinPINLengthRPIDs
		}
		if force {
			s.PersistentToken = a.random.bytes32("persistent token")
		}
	})
	if err == nil && force {
		a.endTokens()
	}
	return err
}
