package authenticator

import (
	"context"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// elsewhere is the same device through another session.
func (d *device) elsewhere() *device {
	other := *d
	other.session = &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}
	return &other
}

// registered makes a device with discoverable passkeys of some users at rpID.
func registered(ctx context.Context, t *testing.T, cfg Config, users ...string) *device {
	t.Helper()
	d := newDevice(t, cfg)
	for _, user := range users {
		_, err := d.register(ctx, rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
	}
	return d
}

// TestStrangerKeepsPending: a session that may not begin or continue a sequence
// does not end another's.
func TestStrangerKeepsPending(t *testing.T) {
	for name, intrude := range map[string]func(ctx context.Context, t *testing.T, d *device){
		"next without begin": func(ctx context.Context, t *testing.T, d *device) {
			next := ctap.CredentialManagementRequest{SubCommand: ptr(uint64(ctap.CredsEnumRPsNext))}
			mustBe(t, "next", d.send(ctx, ctap.CommandCredentialManagement, next, nil), ctap.ErrNotAllowed)
		},
		"large blobs without token": func(ctx context.Context, t *testing.T, d *device) {
			write := ctap.LargeBlobsRequest{Set: initialLargeBlobs(), Offset: ptr(uint64(0)), Length: ptr(uint64(17))}
			mustBe(t, "write", d.send(ctx, ctap.CommandLargeBlobs, write, nil), ctap.ErrPUATRequired)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			d := registered(ctx, t, Config{}, "a", "b")
			mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
			_, err := d.login(ctx, rpID, nil, nil)
			mustBe(t, "sign in", err, nil)
			intrude(ctx, t, d.elsewhere())
			mustBe(t, "next assertion", d.send(ctx, ctap.CommandGetNextAssertion, nil, nil), nil)
		})
	}
}

// TestEnumerationEndsWithPersistentToken: what the persistent token has begun
// ends when a new PIN, or the order to choose one, revokes it.
func TestEnumerationEndsWithPersistentToken(t *testing.T) {
	for name, revoke := range map[string]func(ctx context.Context, d *device) error{
		"new PIN": func(ctx context.Context, d *device) error { return d.newPIN(ctx, "1234", "12345") },
		"forced change": func(ctx context.Context, d *device) error {
			token, err := d.pinToken(ctx, "1234", ctap.PermissionACFG, "")
			if err != nil {
				return err
			}
			return d.configure(ctx, token, ctap.ConfigSetMinPINLength, ctap.SetMinPINLengthParams{ForceChangePIN: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			d := registered(ctx, t, Config{}, "a", "b")
			mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
			token, err := d.pinToken(ctx, "1234", ctap.PermissionPCMR, "")
			mustBe(t, "persistent token", err, nil)
			hash := sum([]byte(rpID))
			_, err = d.manage(ctx, token, ctap.CredsEnumBegin, &ctap.CredentialManagementParams{RPIDHash: hash[:]})
			mustBe(t, "begin", err, nil)
			mustBe(t, "revoke", revoke(ctx, d.elsewhere()), nil)
			_, err = d.manage(ctx, nil, ctap.CredsEnumNext, nil)
			mustBe(t, "next", err, ctap.ErrNotAllowed)
		})
	}
}

// manage sends a subcommand of credentialManagement, under a token if there is
// one.
func (d *device) manage(ctx context.Context, token []byte, sub uint64, params *ctap.CredentialManagementParams) (*ctap.CredentialManagementResponse, error) {
	req := ctap.CredentialManagementRequest{SubCommand: &sub}
	if params != nil {
		req.SubCommandParams = encoded(params)
	}
	if token != nil {
		req.PinUvAuthProtocol = ptr(uint64(2))
		req.PinUvAuthParam = pinuv.Authenticate(pinuv.Two, token, []byte{byte(sub)}, req.SubCommandParams)
	}
	reply := new(ctap.CredentialManagementResponse)
	if sub == ctap.CredsDelete || sub == ctap.CredsUpdateUser {
		return reply, d.send(ctx, ctap.CommandCredentialManagement, req, nil)
	}
	return reply, d.send(ctx, ctap.CommandCredentialManagement, req, reply)
}

// configure sends a subcommand of authenticatorConfig, under a token if there is
// one.
func (d *device) configure(ctx context.Context, token []byte, sub uint64, params any) error {
	req := ctap.ConfigRequest{SubCommand: &sub}
	if params != nil {
		req.SubCommandParams = encoded(params)
	}
	if token != nil {
		req.PinUvAuthProtocol = ptr(uint64(2))
		req.PinUvAuthParam = pinuv.Authenticate(pinuv.Two, token, authPrefix(), []byte{byte(ctap.CommandConfig), byte(sub)}, req.SubCommandParams)
	}
	return d.send(ctx, ctap.CommandConfig, req, nil)
}

// encoded is a value of the tests' own, which always encodes.
func encoded(v any) ctap.RawMessage {
	b, err := ctap.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// TestBoundTokenLearnsNothing: to a token of one site, another site's passkey,
// discoverable or not, is no different from one that does not exist.
func TestBoundTokenLearnsNothing(t *testing.T) {
	ctx := t.Context()
	d := newDevice(t, Config{})
	ids := map[string][]byte{"unknown": make([]byte, credentialIDLength)}
	for name, rk := range map[string]bool{"discoverable": true, "not discoverable": false} {
		made, err := d.register(ctx, "other.example", name, nil, func(r *ctap.MakeCredentialRequest) { r.Options["rk"] = rk })
		mustBe(t, "register", err, nil)
		ids[name] = made.CredentialID
	}
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	token, err := d.pinToken(ctx, "1234", ctap.PermissionCM, rpID)
	mustBe(t, "token", err, nil)
	for name, id := range ids {
		_, err := d.manage(ctx, token, ctap.CredsDelete, &ctap.CredentialManagementParams{CredentialID: &ctap.Descriptor{ID: id, Type: ctap.TypePublicKey}})
		mustBe(t, name, err, ctap.ErrPINAuthInvalid)
	}
}

// TestForcedChangeEverywhere: a PIN that has to be changed first verifies nobody,
// wherever it is typed, and costs no try.
func TestForcedChangeEverywhere(t *testing.T) {
	ctx := t.Context()
	d := registered(ctx, t, Config{User: agreeable{"1234"}}, "user")
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	token, err := d.pinToken(ctx, "1234", ctap.PermissionACFG, "")
	mustBe(t, "token", err, nil)
	mustBe(t, "force", d.configure(ctx, token, ctap.ConfigSetMinPINLength, ctap.SetMinPINLengthParams{ForceChangePIN: true}), nil)

	verified := ctap.Options{"uv": true}
	_, err = d.login(ctx, rpID, nil, func(r *ctap.GetAssertionRequest) { r.Options = verified })
	mustBe(t, "sign in", err, ctap.ErrPUATRequired)
	_, err = d.register(ctx, rpID, "other", nil, func(r *ctap.MakeCredentialRequest) { r.Options = verified })
	mustBe(t, "register", err, ctap.ErrPUATRequired)
	_, err = d.uvToken(ctx, ctap.PermissionGA, rpID)
	mustBe(t, "token by verification", err, ctap.ErrUVBlocked)
	_, err = d.pinToken(ctx, "1234", ctap.PermissionGA, rpID)
	mustBe(t, "token by PIN", err, ctap.ErrPINPolicyViolation)

	mustBe(t, "change to the same", d.newPIN(ctx, "1234", "1234"), ctap.ErrPINPolicyViolation)
	mustBe(t, "change", d.newPIN(ctx, "1234", "4321"), nil)
	_, err = d.pinToken(ctx, "4321", ctap.PermissionGA, rpID)
	mustBe(t, "token by the new PIN", err, nil)
	if n, err := d.retries(ctx); err != nil || n != ctap.MaxPINRetries {
		t.Errorf("%d tries left, %v", n, err)
	}
}

// TestTokenRequestOrder: what a request for a token lacks is told before what the
// device does not have.
func TestTokenRequestOrder(t *testing.T) {
	ctx := t.Context()
	d := newDevice(t, Config{})
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	mine, _, err := d.agree(ctx, pinuv.Two)
	mustBe(t, "agree", err, nil)
	for _, tt := range []struct {
		name        string
		protocol    uint64
		permissions uint64
		want        ctap.Status
	}{
		{"no site, unknown protocol", 7, ctap.PermissionGA, ctap.ErrMissingParameter},
		{"no site, no such permission", 2, ctap.PermissionGA | ctap.PermissionBE, ctap.ErrMissingParameter},
		{"unknown protocol, no such permission", 7, ctap.PermissionBE, ctap.ErrInvalidParameter},
		{"nothing wanted", 2, 0, ctap.ErrInvalidParameter},
		{"no such permission", 2, ctap.PermissionBE, ctap.ErrUnauthorizedPermission},
	} {
		req := ctap.ClientPINRequest{
			PinUvAuthProtocol: &tt.protocol, SubCommand: ptr(uint64(ctap.PINGetTokenUsingPIN)), KeyAgreement: mine,
			PINHashEnc: make([]byte, 32), Permissions: &tt.permissions,
		}
		mustBe(t, tt.name, d.send(ctx, ctap.CommandClientPIN, req, nil), tt.want)
	}
}

// TestUnlockCutOff: a try of the owner's that was not judged leaves the device as
// blocked as before.
func TestUnlockCutOff(t *testing.T) {
	ctx := t.Context()
	d := newDevice(t, Config{})
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	for range ctap.MaxPINMismatches {
		if _, err := d.pinToken(ctx, "9999", ctap.PermissionGA, rpID); err == nil {
			t.Fatal("a wrong PIN gave a token")
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	mustBe(t, "unlock", d.Unlock(gone, []byte("1234"), true), context.Canceled)
	_, err := d.pinToken(ctx, "1234", ctap.PermissionGA, rpID)
	mustBe(t, "token", err, ctap.ErrPINAuthBlocked)
}
