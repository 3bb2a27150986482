package client

import (
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// PINRetries returns the number of PIN tries left, and whether the device has
// to be restarted before the next (§6.5.5.2).
func (a *Authenticator) PINRetries(ctx context.Context) (retries int, powerCycle bool, err error) {
	resp, err := a.clientPIN(ctx, &ctap.ClientPINRequest{SubCommand: ref[uint64](ctap.PINGetRetries)})
	if err != nil {
		return 0, false, err
	}
	if resp.PINRetries == nil {
		return 0, false, missing(ctap.CommandClientPIN, "pinRetries")
	}
	return int(*resp.PINRetries), resp.PowerCycleState, nil
}

// UVRetries returns the number of tries left of built-in user verification
// (§6.5.5.3).
func (a *Authenticator) UVRetries(ctx context.Context) (int, error) {
	resp, err := a.clientPIN(ctx, &ctap.ClientPINRequest{SubCommand: ref[uint64](ctap.PINGetUVRetries)})
	if err != nil {
		return 0, err
	}
	if resp.UVRetries == nil {
		return 0, missing(ctap.CommandClientPIN, "uvRetries")
	}
	return int(*resp.UVRetries), nil
}

// SetPIN sets the first PIN, in UTF-8, already in normalization form C
// (§6.5.5.5).
func (a *Authenticator) SetPIN(ctx context.Context, p pinuv.Protocol, pin []byte) error {
	return a.setPIN(ctx, p, pin, func(secret *pinuv.SharedSecret, req *ctap.ClientPINRequest) error {
		req.SubCommand = ref[uint64](ctap.PINSet)
		req.PinUvAuthParam = secret.Authenticate(req.NewPINEnc)
		return nil
	})
}

// ChangePIN changes the PIN from old to pin; both as in SetPIN (§6.5.5.6).
func (a *Authenticator) ChangePIN(ctx context.Context, p pinuv.Protocol, old, pin []byte) error {
	return a.setPIN(ctx, p, pin, func(secret *pinuv.SharedSecret, req *ctap.ClientPINRequest) (err error) {
		if req.PINHashEnc, err = encryptPINHash(secret, old); err != nil {
			return err
		}
		req.SubCommand = ref[uint64](ctap.PINChange)
		req.PinUvAuthParam = secret.Authenticate(req.NewPINEnc, req.PINHashEnc)
		return nil
	})
}

// setPIN sends the request that complete makes of one with a new PIN.
func (a *Authenticator) setPIN(ctx context.Context, p pinuv.Protocol, pin []byte, complete func(*pinuv.SharedSecret, *ctap.ClientPINRequest) error) error {
	mine, secret, err := a.agree(ctx, p)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	req := &ctap.ClientPINRequest{PinUvAuthProtocol: ref(uint64(p)), KeyAgreement: mine}
	if req.NewPINEnc, err = encryptNewPIN(secret, pin); err == nil {
		err = complete(secret, req)
	}
	if err != nil {
		return fmt.Errorf("set PIN: %w", err)
	}
	_, err = a.clientPIN(ctx, req)
	return err
}

// TokenByPIN gets a pinUvAuthToken with permissions, ctap.PermissionMC and its
// like, by the PIN (§6.5.5.7.2). rpID may be empty where the permissions allow.
// With ctap.PermissionPCMR alone it is the persistent token.
func (a *Authenticator) TokenByPIN(ctx context.Context, p pinuv.Protocol, pin []byte, permissions uint64, rpID string) (*Token, error) {
	return a.tokenByPIN(ctx, p, pin, &ctap.ClientPINRequest{
		SubCommand:  ref[uint64](ctap.PINGetTokenUsingPIN),
		Permissions: &permissions,
		RPID:        optional(rpID),
	})
}

// LegacyToken gets a pinUvAuthToken as CTAP 2.0 did, by the PIN and without
// saying what for (§6.5.5.7.1).
func (a *Authenticator) LegacyToken(ctx context.Context, p pinuv.Protocol, pin []byte) (*Token, error) {
	return a.tokenByPIN(ctx, p, pin, &ctap.ClientPINRequest{SubCommand: ref[uint64](ctap.PINGetToken)})
}

// TokenByUV gets a pinUvAuthToken by built-in user verification, for which the
// device asks the person (§6.5.5.7.3).
func (a *Authenticator) TokenByUV(ctx context.Context, p pinuv.Protocol, permissions uint64, rpID string) (*Token, error) {
	return a.token(ctx, p, func(*pinuv.SharedSecret) (*ctap.ClientPINRequest, error) {
		return &ctap.ClientPINRequest{
			SubCommand:  ref[uint64](ctap.PINGetTokenUsingUV),
			Permissions: &permissions,
			RPID:        optional(rpID),
		}, nil
	})
}

func (a *Authenticator) tokenByPIN(ctx context.Context, p pinuv.Protocol, pin []byte, req *ctap.ClientPINRequest) (*Token, error) {
	return a.token(ctx, p, func(secret *pinuv.SharedSecret) (*ctap.ClientPINRequest, error) {
		var err error
		req.PINHashEnc, err = encryptPINHash(secret, pin)
		return req, err
	})
}

// token completes the request that build makes, sends it and decrypts the token.
func (a *Authenticator) token(ctx context.Context, p pinuv.Protocol, build func(*pinuv.SharedSecret) (*ctap.ClientPINRequest, error)) (*Token, error) {
	mine, secret, err := a.agree(ctx, p)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	req, err := build(secret)
	if err != nil {
		return nil, fmt.Errorf("get token: %w", err)
	}
	req.PinUvAuthProtocol, req.KeyAgreement = ref(uint64(p)), mine
	resp, err := a.clientPIN(ctx, req)
	if err != nil {
		return nil, err
	}
	key, err := secret.Decrypt(resp.PinUvAuthToken)
	if err != nil || len(key) == 0 || p == pinuv.Two && len(key) != 32 {
		return nil, missing(ctap.CommandClientPIN, "usable pinUvAuthToken")
	}
	return NewToken(p, key), nil
}

// agree runs key agreement (§6.5.5.4). The caller wipes the secret.
func (a *Authenticator) agree(ctx context.Context, p pinuv.Protocol) (*ctap.KeyAgreementKey, *pinuv.SharedSecret, error) {
	resp, err := a.clientPIN(ctx, &ctap.ClientPINRequest{
		PinUvAuthProtocol: ref(uint64(p)),
		SubCommand:        ref[uint64](ctap.PINGetKeyAgreement),
	})
	if err != nil {
		return nil, nil, err
	}
	mine, secret, err := pinuv.Encapsulate(p, resp.KeyAgreement)
	if err != nil {
		return nil, nil, fmt.Errorf("%v: %w: key agreement: %v", ctap.CommandClientPIN, errReply, err)
	}
	return mine, secret, nil
}

func (a *Authenticator) clientPIN(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	var resp ctap.ClientPINResponse
	out := any(&resp)
	if *req.SubCommand == ctap.PINSet || *req.SubCommand == ctap.PINChange {
		out = nil
	}
	if err := a.call(ctx, ctap.CommandClientPIN, req, out); err != nil {
		return nil, err
	}
	return &resp, nil
}

func encryptNewPIN(secret *pinuv.SharedSecret, pin []byte) ([]byte, error) {
	padded, err := pinuv.PadPIN(pin)
	if err != nil {
		return nil, err
	}
	defer clear(padded)
	return secret.Encrypt(padded)
}

func encryptPINHash(secret *pinuv.SharedSecret, pin []byte) ([]byte, error) {
	hash := pinuv.HashPIN(pin)
	defer clear(hash[:])
	return secret.Encrypt(hash[:])
}

func ref[T any](v T) *T { return &v }

// optional gives nil for an empty s: a member that is not sent.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
