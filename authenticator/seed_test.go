package authenticator

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// TestSeedIgnoresOrder: a seeded device answers the same bytes to a user's
// registration and sign-in, whatever it did before for others.
func TestSeedIgnoresOrder(t *testing.T) {
	type account struct{ rpID, userID string }
	accounts := []account{{"a.example", "alice"}, {"a.example", "bob"}, {"b.example", "alice"}}
	run := func(t *testing.T, profile Profile, alg ctap.Algorithm, order []account) map[account][]byte {
		ctx := t.Context()
		a, err := New(ctx, Config{Profile: profile, User: agreeable{}, Seed: []byte("a seed")})
		mustBe(t, "start", err, nil)
		t.Cleanup(func() { a.Close(context.Background()) })
		d := &device{Authenticator: a, session: &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}}
		answers := map[account][]byte{}
		for _, acc := range order {
			var made ctap.MakeCredentialResponse
			req := ctap.MakeCredentialRequest{
				ClientDataHash: clientDataHash, RP: &ctap.RP{ID: acc.rpID}, User: &ctap.User{ID: []byte(acc.userID)},
				PubKeyCredParams: []ctap.PubKeyParam{{Alg: alg, Type: ctap.TypePublicKey}},
				Options:          ctap.Options{"rk": true}, Extensions: ctap.Extensions{ctap.ExtLargeBlobKey: {0xF5}},
			}
			mustBe(t, "register", d.send(ctx, ctap.CommandMakeCredential, req, &made), nil)
			data, err := ctap.ParseAuthData(made.AuthData)
			mustBe(t, "parse", err, nil)
			used, err := d.login(ctx, acc.rpID, nil, func(r *ctap.GetAssertionRequest) {
				r.AllowList = []ctap.Descriptor{{ID: data.CredentialID, Type: ctap.TypePublicKey}}
			})
			mustBe(t, "sign in", err, nil)
			answers[acc] = bytes.Join([][]byte{made.AuthData, made.AttStmt, made.LargeBlobKey, used.AuthData, used.Signature}, nil)
		}
		return answers
	}
	for name, form := range map[string]Attestation{"certificate": PackedCertificate, "self": PackedSelf, "chain": PackedChain, "u2f": FIDOU2F} {
		algorithms := []ctap.Algorithm{ctap.ES256}
		if form == PackedCertificate {
			algorithms = []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.ES256K, ctap.RS256}
		}
		for _, alg := range algorithms {
			t.Run(name+" "+alg.String(), func(t *testing.T) {
				profile := SecurityKey()
				profile.Attestation = form
				there := run(t, profile, alg, accounts)
				backwards := slices.Clone(accounts)
				slices.Reverse(backwards)
				back := run(t, profile, alg, backwards)
				for _, acc := range accounts {
					if !bytes.Equal(there[acc], back[acc]) {
						t.Errorf("%v depends on the order", acc)
					}
				}
			})
		}
	}
}

// TestSeedAfterRestart: a seeded device that was started again makes new
// passkeys, and leaves the old ones alone.
func TestSeedAfterRestart(t *testing.T) {
	ctx := t.Context()
	cfg := Config{Vault: memory.NewVault(), Root: memory.NewRoot([]byte("root")), Seed: []byte("a seed")}
	var made [2]*ctap.AuthData
	for i := range made {
		d := newDevice(t, cfg)
		var err error
		made[i], err = d.register(ctx, rpID, "user", nil, func(r *ctap.MakeCredentialRequest) { r.Options["rk"] = false })
		mustBe(t, "register", err, nil)
	}
	if bytes.Equal(made[0].CredentialID, made[1].CredentialID) || bytes.Equal(made[0].PublicKey, made[1].PublicKey) {
		t.Error("the second run made the first one's passkey again")
	}
	d := newDevice(t, cfg)
	for _, m := range made {
		_, err := d.login(ctx, rpID, nil, func(r *ctap.GetAssertionRequest) {
			r.AllowList = []ctap.Descriptor{{ID: m.CredentialID, Type: ctap.TypePublicKey}}
		})
		mustBe(t, "sign in", err, nil)
	}
}
