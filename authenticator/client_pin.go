package authenticator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// clientPIN is authenticatorClientPIN (§6.5.5). Subcommands about a PIN need one
// that comes through the client, those about built-in user verification a User
// that verifies; key agreement also serves hmac-secret, which needs neither.
func (a *Authenticator) clientPIN(ctx context.Context, s *ctap.Session, params []byte) (any, error) {
	var req ctap.ClientPINRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	if *req.SubCommand == ctap.PINGetKeyAgreement {
		return a.pinGetKeyAgreement(&req)
	}
	if a.profile.ClientPIN {
		switch *req.SubCommand {
		case ctap.PINGetRetries:
			return a.pinGetRetries(ctx)
		case ctap.PINSet:
			return nil, a.pinSetFirst(ctx, &req)
		case ctap.PINChange:
			return nil, a.pinChange(ctx, &req)
		case ctap.PINGetToken:
			return a.pinGetToken(ctx, s, &req)
		case ctap.PINGetTokenUsingPIN:
			return a.pinGetTokenUsingPIN(ctx, s, &req)
		}
	}
	if a.canVerify() {
		switch *req.SubCommand {
		case ctap.PINGetTokenUsingUV:
			return a.pinGetTokenUsingUV(ctx, s, &req)
		case ctap.PINGetUVRetries:
			return a.pinGetUVRetries(ctx)
		}
	}
	return nil, ctap.ErrInvalidSubcommand
}

// protocolOf checks a pinUvAuthProtocol member: ErrMissingParameter where it is
// absent, ErrInvalidParameter where it is not supported.
func protocolOf(member *uint64) (pinuv.Protocol, error) {
	if member == nil {
		return 0, ctap.ErrMissingParameter
	}
	p := pinuv.Protocol(*member)
	if !p.Valid() {
		return 0, ctap.ErrInvalidParameter
	}
	return p, nil
}

// §6.5.5.2
func (a *Authenticator) pinGetRetries(ctx context.Context) (any, error) {
	state, err := a.gate.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("read PIN state: %w", err)
	}
	retries := uint64(state.Retries)
	return &ctap.ClientPINResponse{PINRetries: &retries, PowerCycleState: a.pin.latched()}, nil
}

// §6.5.5.3. The PIN that the device asks for itself is the same PIN, so there
// is one counter: two would give a guesser the tries of both.
func (a *Authenticator) pinGetUVRetries(ctx context.Context) (any, error) {
	state, err := a.gate.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("read PIN state: %w", err)
	}
	retries := uint64(state.Retries)
	return &ctap.ClientPINResponse{UVRetries: &retries}, nil
}

// §6.5.5.4
func (a *Authenticator) pinGetKeyAgreement(req *ctap.ClientPINRequest) (any, error) {
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return nil, err
	}
	k, err := a.keyAgreement(p)
	if err != nil {
		return nil, err
	}
	return &ctap.ClientPINResponse{KeyAgreement: k.Public()}, nil
}

// keyAgreement returns the protocol's ephemeral key, made when first wanted and
// after each wrong PIN.
func (a *Authenticator) keyAgreement(p pinuv.Protocol) (*pinuv.KeyAgreement, error) {
	if k := a.keyAgreements[p]; k != nil {
		return k, nil
	}
	k, err := pinuv.NewKeyAgreement()
	if err != nil {
		return nil, fmt.Errorf("make key agreement key: %w", err)
	}
	if a.keyAgreements == nil {
		a.keyAgreements = map[pinuv.Protocol]*pinuv.KeyAgreement{}
	}
	a.keyAgreements[p] = k
	return k, nil
}

// decapsulate agrees on the shared secret with a platform's key.
func (a *Authenticator) decapsulate(p pinuv.Protocol, peer *ctap.KeyAgreementKey) (*pinuv.SharedSecret, error) {
	k, err := a.keyAgreement(p)
	if err != nil {
		return nil, err
	}
	return k.Decapsulate(p, peer)
}

// pinSetFirst is setPIN (§6.5.5.5).
func (a *Authenticator) pinSetFirst(ctx context.Context, req *ctap.ClientPINRequest) error {
	if req.PinUvAuthProtocol == nil || req.KeyAgreement == nil || req.NewPINEnc == nil || req.PinUvAuthParam == nil {
		return ctap.ErrMissingParameter
	}
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return err
	}
	if a.pinSet {
		return ctap.ErrPINAuthInvalid
	}
	secret, err := a.decapsulate(p, req.KeyAgreement)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if !secret.Verify(req.PinUvAuthParam, req.NewPINEnc) {
		return ctap.ErrPINAuthInvalid
	}
	pin, err := a.checkNewPIN(secret, req.NewPINEnc)
	if err != nil {
		return err
	}
	defer pin.wipe()
	return a.storePIN(ctx, pin)
}

// pinChange is changePIN (§6.5.5.6).
func (a *Authenticator) pinChange(ctx context.Context, req *ctap.ClientPINRequest) error {
	if req.PinUvAuthProtocol == nil || req.KeyAgreement == nil || req.NewPINEnc == nil || req.PINHashEnc == nil || req.PinUvAuthParam == nil {
		return ctap.ErrMissingParameter
	}
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return err
	}
	if err := a.pinUsable(ctx); err != nil {
		return err
	}
	secret, err := a.decapsulate(p, req.KeyAgreement)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if !secret.Verify(req.PinUvAuthParam, req.NewPINEnc, req.PINHashEnc) {
		return ctap.ErrPINAuthInvalid
	}
	old, err := a.tryEncryptedPIN(ctx, secret, req.PINHashEnc)
	if err != nil {
		return err
	}
	defer clear(old)
	pin, err := a.checkNewPIN(secret, req.NewPINEnc)
	if err != nil {
		return err
	}
	defer pin.wipe()
	if a.state.ForcePINChange && constantTimeEqual(old, pin.hash[:]) {
		return ctap.ErrPINPolicyViolation
	}
	return a.storePIN(ctx, pin)
}

// tryEncryptedPIN judges pinHashEnc; what does not decrypt is a wrong PIN. It
// returns the PIN's hash, for the caller to wipe.
func (a *Authenticator) tryEncryptedPIN(ctx context.Context, secret *pinuv.SharedSecret, pinHashEnc []byte) ([]byte, error) {
	hash, err := secret.Decrypt(pinHashEnc)
	if err != nil {
		hash = nil
	}
	if err := a.tryPIN(ctx, hash); err != nil {
		clear(hash)
		return nil, err
	}
	a.pin.uvCount = 0
	return hash, nil
}

// pinGetToken is getPinToken, superseded but still used (§6.5.5.7.1).
func (a *Authenticator) pinGetToken(ctx context.Context, s *ctap.Session, req *ctap.ClientPINRequest) (any, error) {
	if req.PinUvAuthProtocol == nil || req.KeyAgreement == nil || req.PINHashEnc == nil {
		return nil, ctap.ErrMissingParameter
	}
	if req.Permissions != nil || req.RPID != nil {
		return nil, ctap.ErrInvalidParameter
	}
	secret, err := a.provePIN(ctx, s, req, "")
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if a.state.ForcePINChange {
		return nil, ctap.ErrPINInvalid
	}
	permissions := uint64(ctap.PermissionMC | ctap.PermissionGA)
	if a.profile.NoMcGaPermissions {
		permissions = 0
	}
	return a.issueToken(s, secret, permissions, "", false)
}

// pinGetTokenUsingPIN is getPinUvAuthTokenUsingPinWithPermissions (§6.5.5.7.2).
func (a *Authenticator) pinGetTokenUsingPIN(ctx context.Context, s *ctap.Session, req *ctap.ClientPINRequest) (any, error) {
	if req.PINHashEnc == nil {
		return nil, ctap.ErrMissingParameter
	}
	rpID, err := a.checkTokenRequest(req, !a.profile.NoMcGaPermissions)
	if err != nil {
		return nil, err
	}
	secret, err := a.provePIN(ctx, s, req, rpID)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if a.state.ForcePINChange {
		return nil, ctap.ErrPINPolicyViolation
	}
	if *req.Permissions&ctap.PermissionPCMR != 0 {
		return encryptToken(secret, a.state.PersistentToken[:])
	}
	return a.issueToken(s, secret, *req.Permissions, rpID, false)
}

// pinGetTokenUsingUV is getPinUvAuthTokenUsingUvWithPermissions (§6.5.5.7.3).
func (a *Authenticator) pinGetTokenUsingUV(ctx context.Context, s *ctap.Session, req *ctap.ClientPINRequest) (any, error) {
	rpID, err := a.checkTokenRequest(req, true)
	if err != nil {
		return nil, err
	}
	if !a.uvConfigured() {
		return nil, ctap.ErrNotAllowed
	}
	secret, err := a.decapsulate(pinuv.Protocol(*req.PinUvAuthProtocol), req.KeyAgreement)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	_, done, err := a.askVerified(ctx, s, Prompt{Operation: Grant, RPID: rpID, Permissions: *req.Permissions & allPermissions})
	defer done()
	if err != nil {
		return nil, a.uvTokenError(ctx, err)
	}
	if *req.Permissions&ctap.PermissionPCMR != 0 {
		return encryptToken(secret, a.state.PersistentToken[:])
	}
	return a.issueToken(s, secret, *req.Permissions, rpID, true)
}

// uvTokenError gives a failed built-in verification its status: UV_BLOCKED once
// no try is left.
func (a *Authenticator) uvTokenError(ctx context.Context, err error) error {
	if !errors.Is(err, ctap.ErrUVInvalid) {
		return err
	}
	if blocked := a.pinUsable(ctx); blocked != nil {
		return ctap.ErrUVBlocked
	}
	return err
}

// checkTokenRequest judges what both requests for a token with permissions have,
// and returns the site that it is for, if any (§6.5.5.7). mcga tells whether the
// device gives those two this way.
func (a *Authenticator) checkTokenRequest(req *ctap.ClientPINRequest, mcga bool) (rpID string, err error) {
	if req.KeyAgreement == nil || req.Permissions == nil {
		return "", ctap.ErrMissingParameter
	}
	if req.RPID != nil {
		rpID = *req.RPID
	}
	wanted := *req.Permissions
	wantsMCGA := wanted&(ctap.PermissionMC|ctap.PermissionGA) != 0
	if wantsMCGA && rpID == "" {
		return "", ctap.ErrMissingParameter
	}
	if _, err := protocolOf(req.PinUvAuthProtocol); err != nil {
		return "", err
	}
	if wanted == 0 {
		return "", ctap.ErrInvalidParameter
	}
	switch {
	case wantsMCGA && !mcga,
		wanted&ctap.PermissionBE != 0,
		wanted&ctap.PermissionLBW != 0 && !a.profile.has(ctap.ExtLargeBlobKey),
		wanted&ctap.PermissionPCMR != 0 && wanted&allPermissions != ctap.PermissionPCMR:
		return "", ctap.ErrUnauthorizedPermission
	}
	if wantsMCGA {
		return rpID, a.checkSite(rpID, sum([]byte(rpID)))
	}
	return rpID, nil
}

// allPermissions are those that the standard defines; other bits say nothing.
const allPermissions = ctap.PermissionMC | ctap.PermissionGA | ctap.PermissionCM | ctap.PermissionBE |
	ctap.PermissionLBW | ctap.PermissionACFG | ctap.PermissionPCMR

// provePIN takes the steps that every way to a token by PIN shares: agree on a
// secret, get the person's consent where the device can ask for it, judge the
// PIN.
func (a *Authenticator) provePIN(ctx context.Context, s *ctap.Session, req *ctap.ClientPINRequest, rpID string) (*pinuv.SharedSecret, error) {
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return nil, err
	}
	if err := a.pinUsable(ctx); err != nil {
		return nil, err
	}
	secret, err := a.decapsulate(p, req.KeyAgreement)
	if err != nil {
		return nil, err
	}
	if a.profile.Display {
		permissions := uint64(ctap.PermissionMC | ctap.PermissionGA)
		if req.Permissions != nil {
			permissions = *req.Permissions & allPermissions
		}
		if _, err := a.ask(ctx, s, Prompt{Operation: Grant, RPID: rpID, Permissions: permissions}); err != nil {
			secret.Wipe()
			return nil, err
		}
	}
	hash, err := a.tryEncryptedPIN(ctx, secret, req.PINHashEnc)
	clear(hash)
	if err != nil {
		secret.Wipe()
		return nil, err
	}
	return secret, nil
}

// issueToken ends every token and puts a fresh one into use (§6.5.2.1).
func (a *Authenticator) issueToken(s *ctap.Session, secret *pinuv.SharedSecret, permissions uint64, rpID string, userIsPresent bool) (any, error) {
	var value [32]byte
	rand.Read(value[:])
	a.token.beginUsing(a.now(), secret.Protocol(), value, s.Transport, userIsPresent)
	a.token.permissions, a.token.rpID = permissions, rpID
	return encryptToken(secret, a.token.value[:])
}

func encryptToken(secret *pinuv.SharedSecret, token []byte) (any, error) {
	encrypted, err := secret.Encrypt(token)
	if err != nil {
		return nil, fmt.Errorf("encrypt token: %w", err)
	}
	return &ctap.ClientPINResponse{PinUvAuthToken: encrypted}, nil
}
