package tpm

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore/vault"
)

// start starts a whole device on a chip, its vault beside the root's file.
func (d *device) start() (c *client.Authenticator, stop func()) {
	d.t.Helper()
	key := sha256.Sum256([]byte("data key"))
	path := filepath.Join(filepath.Dir(d.path), "vault.db")
	make := vault.Open
	if _, err := os.Stat(path); err != nil {
		make = vault.Create
	}
	v, err := make(path, key[:])
	must(d.t, "open vault", err)
	r := d.mustOpen()
	engine, err := authenticator.New(d.t.Context(), authenticator.Config{Root: r, Vault: v, User: consent.Policy{Approve: true}})
	must(d.t, "start", err)
	return client.New(client.Local(engine, nil)), func() {
		must(d.t, "stop", engine.Close(d.t.Context()))
		must(d.t, "close vault", v.Close())
		must(d.t, "close root", r.Close())
	}
}

// TestRestoredDevice puts all files of a device back, root and vault: the tries
// stay spent, today's PIN opens and yesterday's does not, and signature counters
// go on above.
func TestRestoredDevice(t *testing.T) {
	d := created(t)
	old, today, wrong := []byte("yesterday's PIN"), []byte("today's PIN"), []byte("no PIN of it")
	hash := make([]byte, 32)
	signIn := func(c *client.Authenticator, pin []byte) (count uint32) {
		t.Helper()
		token, err := c.TokenByPIN(t.Context(), pinuv.Two, pin, ctap.PermissionGA, "example.org")
		must(t, "prove PIN", err)
		two := uint64(pinuv.Two)
		reply, err := c.GetAssertion(t.Context(), &ctap.GetAssertionRequest{
			RPID: "example.org", ClientDataHash: hash, PinUvAuthProtocol: &two, PinUvAuthParam: token.Authenticate(hash),
		})
		must(t, "get assertion", err)
		data, err := ctap.ParseAuthData(reply.AuthData)
		must(t, "parse", err)
		return data.SignCount
	}
	guess := func(c *client.Authenticator, pin []byte, want error) {
		t.Helper()
		_, err := c.TokenByPIN(t.Context(), pinuv.Two, pin, ctap.PermissionGA, "example.org")
		wants(t, "a wrong PIN", err, want)
	}

	c, stop := d.start()
	must(t, "set PIN", c.SetPIN(t.Context(), pinuv.Two, old))
	token, err := c.TokenByPIN(t.Context(), pinuv.Two, old, ctap.PermissionMC, "example.org")
	must(t, "prove PIN", err)
	two := uint64(pinuv.Two)
	_, err = c.MakeCredential(t.Context(), &ctap.MakeCredentialRequest{
		ClientDataHash: hash, RP: &ctap.RP{ID: "example.org"}, User: &ctap.User{ID: []byte{1}},
		PubKeyCredParams:  []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
		Extensions:        ctap.Extensions{ctap.ExtCredProtect: {ctap.CredProtectRequired}},
		Options:           map[string]bool{"rk": true},
		PinUvAuthProtocol: &two, PinUvAuthParam: token.Authenticate(hash),
	})
	must(t, "make credential", err)
	last := signIn(c, old)
	stop()
	kept := d.snapshot()

	c, stop = d.start()
	guess(c, wrong, ctap.ErrPINInvalid)
	guess(c, wrong, ctap.ErrPINInvalid)
	guess(c, wrong, ctap.ErrPINAuthBlocked)
	stop()
	d.restore(kept)
	c, stop = d.start()
	if left, _, err := c.PINRetries(t.Context()); err != nil || left != 5 {
		t.Errorf("%d tries left, %v, want 5", left, err)
	}
	must(t, "change PIN", c.ChangePIN(t.Context(), pinuv.Two, old, today))
	for range 3 {
		if n := signIn(c, today); n <= last {
			t.Errorf("counter %d after %d", n, last)
		} else {
			last = n
		}
	}
	stop()
	d.restore(kept)
	c, stop = d.start()
	defer stop()
	guess(c, old, ctap.ErrPINInvalid)
	if n := signIn(c, today); n <= last {
		t.Errorf("counter %d after %d, with an old vault", n, last)
	}
}
