package tpm

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/vault"
)

const ceremonyPIN = "correct horse"

// getToken gets a pinUvAuthToken as a platform does, in the clear.
func getToken(t *testing.T, engine *authenticator.Authenticator, permissions uint64) []byte {
	t.Helper()
	session := &ctap.Session{Transport: "usb"}
	two := uint64(pinuv.Two)
	ask := func(req ctap.ClientPINRequest) (reply ctap.ClientPINResponse) {
		req.PinUvAuthProtocol = &two
		body, err := ctap.Marshal(req)
		must(t, "encode", err)
		resp := engine.ServeCTAP(t.Context(), session, append([]byte{byte(ctap.CommandClientPIN)}, body...))
		if resp[0] != 0 {
			t.Fatalf("clientPIN: %v", ctap.Status(resp[0]))
		}
		must(t, "decode", ctap.Unmarshal(resp[1:], &reply))
		return reply
	}
	sub := uint64(ctap.PINGetKeyAgreement)
	mine, secret, err := pinuv.Encapsulate(pinuv.Two, ask(ctap.ClientPINRequest{SubCommand: &sub}).KeyAgreement)
	must(t, "agree", err)
	hash := pinuv.HashPIN([]byte(ceremonyPIN))
	encrypted, err := secret.Encrypt(hash[:])
	must(t, "encrypt", err)
	sub, site := ctap.PINGetTokenUsingPIN, "example.org"
	reply := ask(ctap.ClientPINRequest{SubCommand: &sub, KeyAgreement: mine, PINHashEnc: encrypted, Permissions: &permissions, RPID: &site})
	token, err := secret.Decrypt(reply.PinUvAuthToken)
	must(t, "decrypt", err)
	return token
}

// TestCeremonyOnTheBus searches what goes over the bus in whole ceremonies of a
// device, and its sealed files, for the PIN, its hashes, tokens, CredRandoms and
// private keys. TestBus has the control that finds them.
func TestCeremonyOnTheBus(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	key := sha256.Sum256([]byte("data key"))
	vaultPath := filepath.Join(t.TempDir(), "vault.db")
	v, err := vault.Create(vaultPath, key[:])
	must(t, "make vault", err)
	t.Cleanup(func() { v.Close() })
	engine, err := authenticator.New(t.Context(), authenticator.Config{Root: r, Vault: v, User: consent.Policy{Approve: true}})
	must(t, "start", err)
	c := client.New(client.Local(engine, nil))
	must(t, "set PIN", c.SetPIN(t.Context(), pinuv.Two, []byte(ceremonyPIN)))

	pinHash := pinuv.HashPIN([]byte(ceremonyPIN))
	whole := sha256.Sum256([]byte(ceremonyPIN))
	s := secrets{"PIN": []byte(ceremonyPIN), "pinHash": pinHash[:], "SHA-256 of the PIN": whole[:]}
	hash := make([]byte, 32)
	two := uint64(pinuv.Two)
	for n, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA} {
		made := getToken(t, engine, ctap.PermissionMC)
		s["token of makeCredential "+alg.String()] = made
		_, err := c.MakeCredential(t.Context(), &ctap.MakeCredentialRequest{
			ClientDataHash: hash, RP: &ctap.RP{ID: "example.org"}, User: &ctap.User{ID: []byte{byte(n)}},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: alg, Type: ctap.TypePublicKey}},
			Extensions:       ctap.Extensions{ctap.ExtCredProtect: {ctap.CredProtectRequired}, ctap.ExtHMACSecret: {0xF5}},
			Options:          map[string]bool{"rk": true}, AttestationFormats: []string{ctap.FormatTPM},
			PinUvAuthProtocol: &two, PinUvAuthParam: pinuv.Authenticate(pinuv.Two, made, hash),
		})
		must(t, "make credential", err)
		used := getToken(t, engine, ctap.PermissionGA)
		s["token of getAssertion "+alg.String()] = used
		reply, err := c.GetAssertion(t.Context(), &ctap.GetAssertionRequest{
			RPID: "example.org", ClientDataHash: hash,
			PinUvAuthProtocol: &two, PinUvAuthParam: pinuv.Authenticate(pinuv.Two, used, hash),
		})
		must(t, "get assertion", err)
		must(t, "prove PIN", r.Gate().Open(t.Context(), pinHash[:]))
		s.gather(t, r, alg.String())
		for label, p := range map[string]keystore.Protection{"CredRandomWithUV": keystore.Gated, "CredRandomWithoutUV": keystore.Ungated} {
			random, err := r.Derive(t.Context(), label, reply.Credential.ID, p)
			must(t, "derive", err)
			s[label+" "+alg.String()] = random[:]
		}
		h, k, err := r.Create(t.Context(), ctap.EdDSA, []byte("site"), keystore.Gated)
		must(t, "create", err)
		k.Close()
		_, private, err := r.ExportKey(t.Context(), h, []byte("site"))
		must(t, "export", err)
		s["private key "+alg.String()] = private
	}
	must(t, "stop", engine.Close(t.Context()))

	if found := s.in(bytes.Join(d.bus.log, nil)); found != nil {
		t.Errorf("on the bus: %q", found)
	}
	for _, path := range []string{d.path, vaultPath} {
		file, err := os.ReadFile(path)
		must(t, "read", err)
		if found := s.in(file); found != nil {
			t.Errorf("in %s: %q", filepath.Base(path), found)
		}
	}
	t.Logf("%d secrets, %d commands", len(s), len(d.bus.log)/2)
}
