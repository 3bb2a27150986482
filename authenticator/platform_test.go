package authenticator

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// agreeable is a person who agrees to everything and types PIN where asked.
type agreeable struct{ pin string }

func (u agreeable) Ask(ctx context.Context, p Prompt) (Consent, error) {
	if p.Verify == nil {
		return Consent{Present: true}, nil
	}
	err := p.Verify(ctx, []byte(u.pin))
	return Consent{Present: true, Verified: err == nil}, nil
}

func (u agreeable) CanVerify() bool { return u.pin != "" }

// device is a store and what is running on it.
type device struct {
	*Authenticator
	root    keystore.Root
	vault   keystore.Vault
	session *ctap.Session
}

func newDevice(t *testing.T, cfg Config) *device {
	t.Helper()
	if cfg.Root == nil {
		cfg.Root = memory.NewRoot(nil)
	}
	if cfg.Vault == nil {
		cfg.Vault = memory.NewVault()
	}
	if cfg.User == nil {
		cfg.User = agreeable{}
	}
	a, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(context.Background()) })
	return &device{Authenticator: a, root: cfg.Root, vault: cfg.Vault, session: &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}}
}

// send makes one request; reply is decoded into, unless nil.
func (d *device) send(ctx context.Context, cmd ctap.Command, params, reply any) error {
	req := []byte{byte(cmd)}
	if params != nil {
		body, err := ctap.Marshal(params)
		if err != nil {
			return err
		}
		req = append(req, body...)
	}
	resp := d.ServeCTAP(ctx, d.session, req)
	if status := ctap.Status(resp[0]); status != ctap.StatusOK {
		return status
	}
	if reply == nil {
		return nil
	}
	return ctap.Unmarshal(resp[1:], reply)
}

func ptr[T any](v T) *T { return &v }

// agree does the platform's half of key agreement.
func (d *device) agree(ctx context.Context, p pinuv.Protocol) (*ctap.KeyAgreementKey, *pinuv.SharedSecret, error) {
	var reply ctap.ClientPINResponse
	req := ctap.ClientPINRequest{PinUvAuthProtocol: ptr(uint64(p)), SubCommand: ptr(uint64(ctap.PINGetKeyAgreement))}
	if err := d.send(ctx, ctap.CommandClientPIN, req, &reply); err != nil {
		return nil, nil, err
	}
	return pinuv.Encapsulate(p, reply.KeyAgreement)
}

func (d *device) setPIN(ctx context.Context, pin string) error { return d.newPIN(ctx, "", pin) }

// newPIN sets the first PIN where old is empty, and otherwise changes it.
func (d *device) newPIN(ctx context.Context, old, pin string) error {
	mine, secret, err := d.agree(ctx, pinuv.Two)
	if err != nil {
		return err
	}
	padded, err := pinuv.PadPIN([]byte(pin))
	if err != nil {
		return err
	}
	req := ctap.ClientPINRequest{PinUvAuthProtocol: ptr(uint64(2)), SubCommand: ptr(uint64(ctap.PINSet)), KeyAgreement: mine}
	if req.NewPINEnc, err = secret.Encrypt(padded); err != nil {
		return err
	}
	if old != "" {
		req.SubCommand = ptr(uint64(ctap.PINChange))
		hash := pinuv.HashPIN([]byte(old))
		if req.PINHashEnc, err = secret.Encrypt(hash[:]); err != nil {
			return err
		}
	}
	req.PinUvAuthParam = secret.Authenticate(req.NewPINEnc, req.PINHashEnc)
	return d.send(ctx, ctap.CommandClientPIN, req, nil)
}

// pinToken gets a token by PIN.
func (d *device) pinToken(ctx context.Context, pin string, permissions uint64, rpID string) ([]byte, error) {
	mine, secret, err := d.agree(ctx, pinuv.Two)
	if err != nil {
		return nil, err
	}
	hash := pinuv.HashPIN([]byte(pin))
	req := ctap.ClientPINRequest{PinUvAuthProtocol: ptr(uint64(2)), SubCommand: ptr(uint64(ctap.PINGetTokenUsingPIN)), KeyAgreement: mine, Permissions: &permissions}
	if rpID != "" {
		req.RPID = &rpID
	}
	if req.PINHashEnc, err = secret.Encrypt(hash[:]); err != nil {
		return nil, err
	}
	var reply ctap.ClientPINResponse
	if err := d.send(ctx, ctap.CommandClientPIN, req, &reply); err != nil {
		return nil, err
	}
	return secret.Decrypt(reply.PinUvAuthToken)
}

// uvToken gets a token by the device's own verification.
func (d *device) uvToken(ctx context.Context, permissions uint64, rpID string) ([]byte, error) {
	mine, secret, err := d.agree(ctx, pinuv.Two)
	if err != nil {
		return nil, err
	}
	req := ctap.ClientPINRequest{PinUvAuthProtocol: ptr(uint64(2)), SubCommand: ptr(uint64(ctap.PINGetTokenUsingUV)), KeyAgreement: mine, Permissions: &permissions, RPID: &rpID}
	var reply ctap.ClientPINResponse
	if err := d.send(ctx, ctap.CommandClientPIN, req, &reply); err != nil {
		return nil, err
	}
	return secret.Decrypt(reply.PinUvAuthToken)
}

func (d *device) retries(ctx context.Context) (uint64, error) {
	var reply ctap.ClientPINResponse
	err := d.send(ctx, ctap.CommandClientPIN, ctap.ClientPINRequest{SubCommand: ptr(uint64(ctap.PINGetRetries))}, &reply)
	if err != nil {
		return 0, err
	}
	return *reply.PINRetries, nil
}

var clientDataHash = make([]byte, 32)

// register makes a credential; with a token, verified.
func (d *device) register(ctx context.Context, rpID, userID string, token []byte, change func(*ctap.MakeCredentialRequest)) (*ctap.AuthData, error) {
	req := ctap.MakeCredentialRequest{
		ClientDataHash: clientDataHash, RP: &ctap.RP{ID: rpID}, User: &ctap.User{ID: []byte(userID), Name: userID},
		PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
		Options:          map[string]bool{"rk": true},
	}
	if token != nil {
		req.PinUvAuthProtocol, req.PinUvAuthParam = ptr(uint64(2)), pinuv.Authenticate(pinuv.Two, token, clientDataHash)
	}
	if change != nil {
		change(&req)
	}
	var reply ctap.MakeCredentialResponse
	if err := d.send(ctx, ctap.CommandMakeCredential, req, &reply); err != nil {
		return nil, err
	}
	return ctap.ParseAuthData(reply.AuthData)
}

// login makes an assertion; with a token, verified.
func (d *device) login(ctx context.Context, rpID string, token []byte, change func(*ctap.GetAssertionRequest)) (*ctap.GetAssertionResponse, error) {
	req := ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: clientDataHash}
	if token != nil {
		req.PinUvAuthProtocol, req.PinUvAuthParam = ptr(uint64(2)), pinuv.Authenticate(pinuv.Two, token, clientDataHash)
	}
	if change != nil {
		change(&req)
	}
	var reply ctap.GetAssertionResponse
	if err := d.send(ctx, ctap.CommandGetAssertion, req, &reply); err != nil {
		return nil, err
	}
	return &reply, nil
}

func mustBe(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}
