package authenticator

import (
	"context"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// config is authenticatorConfig (§6.11).
func (a *Authenticator) config(ctx context.Context, _ *ctap.Session, params []byte) (any, error) {
	var req ctap.ConfigRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	sub := *req.SubCommand
	if !slices.Contains(a.configCommands(), sub) {
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
	case ctap.ConfigSetMinPINLength:
		return nil, a.setMinPINLength(ctx, req.SubCommandParams)
	case ctap.ConfigEnableLongTouchForReset:
		return nil, a.change(ctx, func(s *state) { s.LongTouchForReset = true })
	}
	return nil, a.vendorPrototype(req.SubCommandParams)
}

// configCommands lists the subcommands that work.
func (a *Authenticator) configCommands() []uint64 {
	var commands []uint64
	if a.profile.EnterpriseRPIDs != nil {
		commands = append(commands, ctap.ConfigEnableEnterpriseAttestation)
	}
	commands = append(commands, ctap.ConfigToggleAlwaysUv)
	if a.profile.ClientPIN {
		commands = append(commands, ctap.ConfigSetMinPINLength)
	}
	return append(commands, ctap.ConfigEnableLongTouchForReset, ctap.ConfigVendorPrototype)
}

// authorizeConfig checks that the token allows this subcommand with these
// parameters.
func (a *Authenticator) authorizeConfig(req *ctap.ConfigRequest) error {
	switch {
	case !a.givesTokens():
		return ctap.ErrOperationDenied
	case req.PinUvAuthParam == nil:
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

// VendorLock is the vendorCommandId (§6.11.3) that does what Lock does, for a
// platform whose person leaves: tokens end and the PIN gate shuts at once. It has
// no parameters.
const VendorLock = 0x3f74_80bb_0320_73e8

// vendorPrototype is §6.11.3.
func (a *Authenticator) vendorPrototype(params ctap.RawMessage) error {
	if params == nil {
		return ctap.ErrMissingParameter
	}
	var in ctap.VendorPrototypeParams
	if err := in.Unmarshal(params); err != nil {
		return err
	}
	if *in.VendorCommandID != VendorLock {
		return ctap.ErrInvalidParameter
	}
	a.lock()
	return nil
}
