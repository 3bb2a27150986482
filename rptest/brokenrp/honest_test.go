package brokenrp

import (
	"context"
	"net/http"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

// person agrees to everything and is verified by the device.
type person struct{}

func (person) Ask(ctx context.Context, q authenticator.Prompt) (authenticator.Consent, error) {
	if q.Verify == nil {
		return authenticator.Consent{Present: true}, nil
	}
	return authenticator.Consent{Present: true, Verified: true}, q.Verify(ctx, []byte("123456"))
}

func (person) CanVerify() bool { return true }

func newClient(t testing.TB, profile authenticator.Profile) *client.Client {
	t.Helper()
	device, err := authenticator.New(t.Context(), authenticator.Config{Profile: profile, User: person{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close(context.Background()) })
	c := &client.Client{Device: client.Local(device, nil), Origin: "https://login.example"}
	c.PIN = func(context.Context, client.PINRequest) ([]byte, error) { return []byte("123456"), nil }
	if err := client.New(c.Device).SetPIN(t.Context(), 2, []byte("123456")); err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *browser) register(c *client.Client, more object) {
	b.t.Helper()
	request := object{"username": "alice", "displayName": "Alice"}
	for k, v := range more {
		request[k] = v
	}
	options := b.must("POST", "/attestation/options", request)
	response, err := c.Create(b.t.Context(), marshal(b.t, options))
	if err != nil {
		b.t.Fatal(err)
	}
	b.must("POST", "/attestation/result", response)
}

func (b *browser) login(c *client.Client, request object) {
	b.t.Helper()
	options := b.must("POST", "/assertion/options", request)
	response, err := c.Get(b.t.Context(), marshal(b.t, options))
	if err != nil {
		b.t.Fatal(err)
	}
	b.must("POST", "/assertion/result", response)
}

// Everything that our own device and client make is accepted.
func TestHonest(t *testing.T) {
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256, ctap.ES256K} {
		t.Run(alg.String(), func(t *testing.T) {
			b := &browser{t: t, site: newSite(t, Config{Algorithms: []ctap.Algorithm{alg}})}
			c := newClient(t, authenticator.Platform())
			for _, attestation := range []string{"direct", "none"} {
				b.register(c, object{
					"username": attestation, "attestation": attestation,
					"extensions": object{"credProps": true, "prf": object{}},
				})
			}
			if who := b.must("GET", "/whoami", nil); who["user"] != "none" || who["verified"] != true {
				t.Errorf("signed in as %v", who)
			}
			b.must("POST", "/logout", nil)
			b.refused(http.StatusUnauthorized, "GET", "/whoami", nil)
			b.login(c, object{"username": "direct", "userVerification": "required"})
			b.login(c, object{"username": "direct"})
			b.login(c, object{})
			if who := b.must("GET", "/whoami", nil); who["user"] == nil {
				t.Errorf("signed in as %v", who)
			}
		})
	}
}

func TestHonestAttestation(t *testing.T) {
	for _, a := range []authenticator.Attestation{
		authenticator.PackedCertificate, authenticator.PackedSelf, authenticator.PackedChain, authenticator.NoAttestation,
	} {
		profile := authenticator.SecurityKey()
		profile.Attestation = a
		b := &browser{t: t, site: newSite(t, Config{})}
		b.register(newClient(t, profile), object{"attestation": "direct"})
	}
}

// With a check off, the rest of the site works on as before.
func TestHonestWithEachOff(t *testing.T) {
	c := newClient(t, authenticator.Platform())
	for _, info := range Checks() {
		if info.Accept || len(info.Check) > 8 && info.Check[:8] == "options." {
			continue
		}
		t.Run(string(info.Check), func(t *testing.T) {
			b := &browser{t: t, site: newSite(t, Config{Off: []Check{info.Check}})}
			b.register(c, object{"username": string(info.Check)})
			b.must("POST", "/logout", nil)
			b.login(c, object{"username": string(info.Check)})
			b.login(c, object{})
		})
	}
}
