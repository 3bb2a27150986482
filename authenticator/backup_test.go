package authenticator_test

import (
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// Whether passkeys may be copied is the store's to say, once: a device that is
// started otherwise later gives them the flags that they were made with.
func TestBackupFlagsStay(t *testing.T) {
	for _, copyable := range []bool{false, true} {
		root, vault := memory.NewRoot(nil), memory.NewVault()
		start := func(copyable bool) (*authenticator.Authenticator, *client.Authenticator) {
			d, err := authenticator.New(t.Context(), authenticator.Config{
				Root: root, Vault: vault, Copyable: copyable, User: consent.Policy{Approve: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			return d, client.New(client.Local(d, nil))
		}
		flags := func(authData []byte) bool {
			d, err := ctap.ParseAuthData(authData)
			if err != nil {
				t.Fatal(err)
			}
			return d.Flags&ctap.FlagBE != 0
		}

		first, c := start(copyable)
		made, err := c.MakeCredential(t.Context(), &ctap.MakeCredentialRequest{
			ClientDataHash:   make([]byte, 32),
			RP:               &ctap.RP{ID: "example.com"},
			User:             &ctap.User{ID: []byte{1}},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
			Options:          ctap.Options{"rk": true},
		})
		if err != nil {
			t.Fatal(err)
		}
		if flags(made.AuthData) != copyable {
			t.Errorf("copyable %v: made with other flags", copyable)
		}
		first.Close(t.Context())

		_, c = start(!copyable)
		used, err := c.GetAssertion(t.Context(), &ctap.GetAssertionRequest{RPID: "example.com", ClientDataHash: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		if flags(used.AuthData) != copyable {
			t.Errorf("copyable %v: used with other flags", copyable)
		}
	}
}
