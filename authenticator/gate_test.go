package authenticator_test

import (
	"context"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// registration is a request for a passkey at example.com.
func registration() *ctap.MakeCredentialRequest {
	return &ctap.MakeCredentialRequest{
		ClientDataHash:   make([]byte, 32),
		RP:               &ctap.RP{ID: "example.com"},
		User:             &ctap.User{ID: []byte{1}},
		PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
		Options:          ctap.Options{"rk": true},
	}
}

// boaster says that it has verified the person, and has not.
type boaster struct{}

func (boaster) CanVerify() bool { return true }

func (boaster) Ask(context.Context, authenticator.Prompt) (authenticator.Consent, error) {
	return authenticator.Consent{Present: true, Verified: true}, nil
}

// A person is verified when the gate has seen the PIN, not when a User says so.
func TestVerifiedByTheGate(t *testing.T) {
	d, err := authenticator.New(t.Context(), authenticator.Config{Profile: authenticator.Platform(), User: boaster{}})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Local(d, nil))
	pin := []byte("123456")
	if err := c.SetPIN(t.Context(), pinuv.Two, pin); err != nil {
		t.Fatal(err)
	}
	refused := func(gate string) {
		t.Helper()
		req := registration()
		req.Options["uv"] = true
		if _, err := c.MakeCredential(t.Context(), req); err == nil {
			t.Errorf("gate %s: made a passkey for a person who was not verified", gate)
		}
		if _, err := c.TokenByUV(t.Context(), pinuv.Two, ctap.PermissionMC, "example.com"); ctap.StatusOf(err) != ctap.ErrUVInvalid {
			t.Errorf("gate %s: token: %v", gate, err)
		}
	}
	refused("shut")
	if _, err := c.TokenByPIN(t.Context(), pinuv.Two, pin, ctap.PermissionCM, ""); err != nil {
		t.Fatal(err)
	}
	refused("open")
}

// protections notes what is asked of a root, by protection.
type protections struct {
	*memory.Root
	keys    []keystore.Protection
	derived map[string]keystore.Protection
}

func (p *protections) Create(ctx context.Context, alg ctap.Algorithm, binding []byte, how keystore.Protection) (keystore.Handle, keystore.Key, error) {
	p.keys = append(p.keys, how)
	return p.Root.Create(ctx, alg, binding, how)
}

func (p *protections) Derive(ctx context.Context, label string, binding []byte, how keystore.Protection) ([32]byte, error) {
	p.derived[label] = how
	return p.Root.Derive(ctx, label, binding, how)
}

// What a site wants only for the verified lies behind the PIN gate; the rest
// does not, so that a touch is enough.
func TestBehindTheGate(t *testing.T) {
	root := &protections{Root: memory.NewRoot(nil), derived: map[string]keystore.Protection{}}
	profile := authenticator.SecurityKey()
	profile.MakeCredUvNotRqd = true
	d, err := authenticator.New(t.Context(), authenticator.Config{Profile: profile, Root: root, User: consent.Policy{Approve: true}})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Local(d, nil))
	pin := []byte("123456")
	if err := c.SetPIN(t.Context(), pinuv.Two, pin); err != nil {
		t.Fatal(err)
	}
	create := func(level uint64, verified bool) {
		t.Helper()
		req := registration()
		req.Options["rk"] = verified
		protect, err := ctap.Marshal(level)
		if err != nil {
			t.Fatal(err)
		}
		req.Extensions = ctap.Extensions{ctap.ExtCredProtect: protect, ctap.ExtHMACSecret: {0xF5}, ctap.ExtHMACSecretMC: salts(t, d)}
		if verified {
			token, err := c.TokenByPIN(t.Context(), pinuv.Two, pin, ctap.PermissionMC, req.RP.ID)
			if err != nil {
				t.Fatal(err)
			}
			two := uint64(pinuv.Two)
			req.PinUvAuthParam, req.PinUvAuthProtocol = token.Authenticate(req.ClientDataHash), &two
		}
		if _, err := c.MakeCredential(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	create(ctap.CredProtectOptional, false)
	create(ctap.CredProtectOptional, true)
	create(ctap.CredProtectRequired, true)
	if want := []keystore.Protection{keystore.Ungated, keystore.Ungated, keystore.Gated}; !slices.Equal(root.keys, want) {
		t.Errorf("keys are made with protections %v, want %v", root.keys, want)
	}
	for label, want := range map[string]keystore.Protection{
		"CredRandomWithoutUV": keystore.Ungated,
		"CredRandomWithUV":    keystore.Gated,
	} {
		if got, ok := root.derived[label]; !ok || got != want {
			t.Errorf("%s is derived (%v) with protection %v, want %v", label, ok, got, want)
		}
	}
}

// salts is an input of hmac-secret with one salt.
func salts(t *testing.T, d *authenticator.Authenticator) ctap.RawMessage {
	t.Helper()
	two, sub := uint64(pinuv.Two), uint64(ctap.PINGetKeyAgreement)
	req, err := ctap.Marshal(ctap.ClientPINRequest{PinUvAuthProtocol: &two, SubCommand: &sub})
	if err != nil {
		t.Fatal(err)
	}
	reply := d.ServeCTAP(t.Context(), new(ctap.Session), append([]byte{byte(ctap.CommandClientPIN)}, req...))
	var resp ctap.ClientPINResponse
	if err := ctap.Unmarshal(reply[1:], &resp); err != nil {
		t.Fatal(err)
	}
	key, secret, err := pinuv.Encapsulate(pinuv.Two, resp.KeyAgreement)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := secret.Encrypt(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	input, err := ctap.Marshal(ctap.HMACSecretInput{
		KeyAgreement: key, SaltEnc: encrypted, SaltAuth: secret.Authenticate(encrypted), PinUvAuthProtocol: &two,
	})
	if err != nil {
		t.Fatal(err)
	}
	return input
}
