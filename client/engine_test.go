package client_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

const pin = "123456"

// person agrees to everything, and proves to be the owner by the PIN.
type person struct {
	choice int
	asked  []authenticator.Prompt
}

func (p *person) Ask(ctx context.Context, q authenticator.Prompt) (authenticator.Consent, error) {
	p.asked = append(p.asked, q)
	c := authenticator.Consent{Present: true}
	if len(q.Accounts) > 1 {
		c.Choice = p.choice
	}
	if q.Verify != nil {
		if err := q.Verify(ctx, []byte(pin)); err != nil {
			return authenticator.Consent{}, err
		}
		c.Verified = true
	}
	return c, nil
}

// verifier is a person before a device that can ask for the PIN itself.
type verifier struct{ *person }

func (verifier) CanVerify() bool { return true }

// page is a browser's page before a real device in memory, whose PIN is set.
func page(t *testing.T, profile authenticator.Profile) (*client.Client, *person) {
	t.Helper()
	p := &person{}
	var user authenticator.User = p
	if profile.Platform {
		user = verifier{p}
	}
	device, err := authenticator.New(t.Context(), authenticator.Config{Profile: profile, User: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close(context.Background()) })
	session := &ctap.Session{Transport: profile.Transports[0], MaxMsgSize: 2048}
	c := &client.Client{
		Device: client.Local(device, session),
		Origin: "https://login.example.com",
		PIN:    func(context.Context, client.PINRequest) ([]byte, error) { return []byte(pin), nil },
	}
	if err := client.New(c.Device).SetPIN(t.Context(), 2, []byte(pin)); err != nil {
		t.Fatal(err)
	}
	return c, p
}

func profiles(t *testing.T, f func(t *testing.T, profile authenticator.Profile)) {
	for _, profile := range []authenticator.Profile{authenticator.SecurityKey(), authenticator.Platform()} {
		t.Run(profile.Name, func(t *testing.T) { f(t, profile) })
	}
}

// account is a user of the relying party below.
type account struct {
	id          string
	credentials []webauthn.Credential
}

func (a *account) WebAuthnID() []byte                         { return []byte(a.id) }
func (a *account) WebAuthnName() string                       { return a.id }
func (a *account) WebAuthnDisplayName() string                { return "Who " + a.id }
func (a *account) WebAuthnCredentials() []webauthn.Credential { return a.credentials }

func (a *account) descriptors() []protocol.CredentialDescriptor {
	var list []protocol.CredentialDescriptor
	for _, c := range a.credentials {
		list = append(list, c.Descriptor())
	}
	return list
}

// site is a relying party that somebody else wrote.
type site struct {
	t  *testing.T
	rp *webauthn.WebAuthn
}

func newSite(t *testing.T) *site {
	t.Helper()
	rp, err := webauthn.New(&webauthn.Config{
		RPID:          "example.com",
		RPDisplayName: "Example",
		RPOrigins:     []string{"https://login.example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, rp}
}

// register runs a registration; the page's error is returned, the site's own
// fails the test.
func (s *site) register(c *client.Client, a *account, opts ...webauthn.RegistrationOption) (map[string]any, error) {
	s.t.Helper()
	options, session, err := s.rp.BeginRegistration(a, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := c.Create(s.t.Context(), encode(s.t, options))
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(out)
	if err != nil {
		s.t.Fatalf("%v\n%s", explain(err), out)
	}
	credential, err := s.rp.CreateCredential(a, *session, parsed)
	if err != nil {
		s.t.Fatalf("%v\n%s", explain(err), out)
	}
	a.credentials = append(a.credentials, *credential)
	return results(s.t, out), nil
}

// signIn runs a sign-in: of a, or where a is nil of whoever it turns out to be
// among all.
func (s *site) signIn(c *client.Client, a *account, all []*account, opts ...webauthn.LoginOption) (string, map[string]any, error) {
	s.t.Helper()
	var options *protocol.CredentialAssertion
	var session *webauthn.SessionData
	var err error
	if a != nil {
		options, session, err = s.rp.BeginLogin(a, opts...)
	} else {
		options, session, err = s.rp.BeginDiscoverableLogin(opts...)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := c.Get(s.t.Context(), encode(s.t, options))
	if err != nil {
		return "", nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(out)
	if err != nil {
		s.t.Fatalf("%v\n%s", explain(err), out)
	}
	if a != nil {
		if _, err = s.rp.ValidateLogin(a, *session, parsed); err != nil {
			s.t.Fatalf("%v\n%s", explain(err), out)
		}
		return a.id, results(s.t, out), nil
	}
	who := ""
	_, err = s.rp.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		who = string(handle)
		for _, a := range all {
			if a.id == who {
				return a, nil
			}
		}
		return nil, fmt.Errorf("no user %q", who)
	}, *session, parsed)
	if err != nil {
		s.t.Fatalf("%v\n%s", explain(err), out)
	}
	return who, results(s.t, out), nil
}

func explain(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s: %s", e.Details, e.DevInfo)
	}
	return err
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// results takes the client's extension outputs from a response.
func results(t *testing.T, response []byte) map[string]any {
	t.Helper()
	var r struct{ ClientExtensionResults map[string]any }
	if err := json.Unmarshal(response, &r); err != nil || r.ClientExtensionResults == nil {
		t.Fatalf("response %s, error %v", response, err)
	}
	return r.ClientExtensionResults
}

func wantError(t *testing.T, err error, name string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Name != name {
		t.Fatalf("error is %v, want %s", err, name)
	}
}

func discoverable() webauthn.RegistrationOption {
	return webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
		ResidentKey:      protocol.ResidentKeyRequirementRequired,
		UserVerification: protocol.VerificationRequired,
	})
}

func TestPasskey(t *testing.T) {
	profiles(t, func(t *testing.T, profile authenticator.Profile) {
		s, alice := newSite(t), &account{id: "alice"}
		c, _ := page(t, profile)
		out, err := s.register(c, alice, discoverable(), webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(out); got != "map[credProps:map[rk:true]]" {
			t.Errorf("results %s", got)
		}
		if !alice.credentials[0].Flags.UserVerified {
			t.Error("the person was not verified")
		}
		for range 2 {
			who, _, err := s.signIn(c, nil, []*account{alice}, webauthn.WithUserVerification(protocol.VerificationRequired))
			if err != nil || who != "alice" {
				t.Fatalf("signed in %q, error %v", who, err)
			}
		}
		if _, _, err := s.signIn(c, alice, nil); err != nil {
			t.Fatal(err)
		}
		_, err = s.register(c, alice, webauthn.WithExclusions(alice.descriptors()))
		wantError(t, err, client.InvalidStateError)
	})
}

func TestSecondFactor(t *testing.T) {
	profiles(t, func(t *testing.T, profile authenticator.Profile) {
		s, alice, bob := newSite(t), &account{id: "alice"}, &account{id: "bob"}
		c, _ := page(t, profile)
		selection := webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementDiscouraged,
			UserVerification: protocol.VerificationDiscouraged,
		})
		for _, a := range []*account{alice, bob} {
			if _, err := s.register(c, a, selection); err != nil {
				t.Fatal(err)
			}
		}
		for _, a := range []*account{bob, alice} {
			if _, _, err := s.signIn(c, a, nil, webauthn.WithUserVerification(protocol.VerificationDiscouraged)); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := s.signIn(c, nil, nil)
		wantError(t, err, client.NotAllowedError)
	})
}

// A provider that keeps only discoverable passkeys makes them also where the site
// discourages it, and says so.
func TestAlwaysDiscoverable(t *testing.T) {
	s, alice := newSite(t), &account{id: "alice"}
	c, _ := page(t, authenticator.Platform())
	c.AlwaysDiscoverable = true
	out, err := s.register(c, alice, webauthn.WithExtensions(webauthn.WithExtensionCredProps()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementDiscouraged}))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(out); got != "map[credProps:map[rk:true]]" {
		t.Errorf("results %s", got)
	}
	if who, _, err := s.signIn(c, nil, []*account{alice}); err != nil || who != "alice" {
		t.Errorf("signed in %q, error %v", who, err)
	}
}

// Every algorithm and attestation that the device makes is one that the site
// verifies.
func TestAlgorithmsAndAttestation(t *testing.T) {
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{
		webauthncose.AlgES256, webauthncose.AlgES384, webauthncose.AlgES512, webauthncose.AlgEdDSA, webauthncose.AlgRS256,
	} {
		for _, conveyance := range []protocol.ConveyancePreference{protocol.PreferNoAttestation, protocol.PreferDirectAttestation} {
			s, alice := newSite(t), &account{id: "alice"}
			c, _ := page(t, authenticator.SecurityKey())
			params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: alg}}
			if _, err := s.register(c, alice, webauthn.WithCredentialParameters(params), webauthn.WithConveyancePreference(conveyance)); err != nil {
				t.Fatal(err)
			}
			want := "none"
			if conveyance == protocol.PreferDirectAttestation {
				want = "packed"
			}
			if got := string(alice.credentials[0].AttestationFormat); got != want {
				t.Errorf("algorithm %d, attestation %s: format %s", alg, conveyance, got)
			}
			if _, _, err := s.signIn(c, alice, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAlgorithmNobodyHas(t *testing.T) {
	c, _ := page(t, authenticator.SecurityKey())
	params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgPS512}}
	_, err := newSite(t).register(c, &account{id: "alice"}, webauthn.WithCredentialParameters(params))
	wantError(t, err, client.NotSupportedError)
}

// The page chooses among accounts, as the device has no display.
func TestChooseAccount(t *testing.T) {
	s := newSite(t)
	c, _ := page(t, authenticator.SecurityKey())
	var all []*account
	for _, id := range []string{"alice", "bob", "carol"} {
		a := &account{id: id}
		if _, err := s.register(c, a, discoverable()); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	for i, want := range []string{"carol", "bob", "alice"} { // newest first
		c.Choose = func(_ context.Context, accounts []ctap.User) (int, error) {
			if len(accounts) != 3 || accounts[i].DisplayName != "Who "+want {
				t.Errorf("accounts %v", accounts)
			}
			return i, nil
		}
		who, _, err := s.signIn(c, nil, all)
		if err != nil || who != want {
			t.Errorf("signed in %q, error %v; want %s", who, err, want)
		}
	}
}

// The PRF gives the same at registration, at sign-in and from either source of
// inputs; and nothing on a device that cannot verify the person.
func TestPRF(t *testing.T) {
	profiles(t, func(t *testing.T, profile authenticator.Profile) {
		s, alice, bob := newSite(t), &account{id: "alice"}, &account{id: "bob"}
		c, _ := page(t, profile)
		eval := protocol.PRFValues{First: []byte("one"), Second: []byte("two")}
		out, err := s.register(c, alice, discoverable(), webauthn.WithExtensions(webauthn.WithExtensionPRF(eval)))
		if err != nil {
			t.Fatal(err)
		}
		want := prfOf(t, out)
		if out["prf"].(map[string]any)["enabled"] != true || want[0] == want[1] {
			t.Errorf("results %v", out)
		}
		_, out, err = s.signIn(c, nil, []*account{alice}, webauthn.WithAssertionExtensions(webauthn.WithExtensionPRF(eval)))
		if err != nil || prfOf(t, out) != want {
			t.Errorf("results %v, error %v; want %v", out, err, want)
		}
		id := base64.RawURLEncoding.EncodeToString(alice.credentials[0].ID)
		by := webauthn.WithExtensionPRFByCredential(map[string]protocol.PRFValues{id: eval}, nil)
		_, out, err = s.signIn(c, alice, nil, webauthn.WithAssertionExtensions(by), webauthn.WithUserVerification(protocol.VerificationDiscouraged))
		if err != nil || prfOf(t, out) != want {
			t.Errorf("results %v, error %v; want %v", out, err, want)
		}
		out, err = s.register(c, bob, discoverable(), webauthn.WithExtensions(webauthn.WithExtensionPRF(eval)))
		if err != nil || prfOf(t, out)[0] == want[0] {
			t.Errorf("results %v, error %v; want others than those of alice", out, err)
		}
	})
}

func prfOf(t *testing.T, out map[string]any) (r [2]string) {
	t.Helper()
	prf, _ := out["prf"].(map[string]any)
	got, ok := prf["results"].(map[string]any)
	if !ok {
		t.Fatalf("results %v have no prf", out)
	}
	r[0], _ = got["first"].(string)
	r[1], _ = got["second"].(string)
	return r
}

// The security key keeps blobs in the array, the platform with the credential.
func TestLargeBlob(t *testing.T) {
	profiles(t, func(t *testing.T, profile authenticator.Profile) {
		s, alice := newSite(t), &account{id: "alice"}
		c, _ := page(t, profile)
		out, err := s.register(c, alice, discoverable(), webauthn.WithExtensions(webauthn.WithExtensionLargeBlobSupport("required")))
		if err != nil || fmt.Sprint(out) != "map[largeBlob:map[supported:true]]" {
			t.Fatalf("results %v, error %v", out, err)
		}
		read := webauthn.WithAssertionExtensions(webauthn.WithExtensionLargeBlobRead())
		_, out, err = s.signIn(c, alice, nil, read)
		if err != nil || fmt.Sprint(out) != "map[largeBlob:map[]]" {
			t.Fatalf("results %v, error %v", out, err)
		}
		for _, size := range []int{1, 10, 1200} {
			blob := incompressible(size)
			_, out, err = s.signIn(c, alice, nil, webauthn.WithAssertionExtensions(webauthn.WithExtensionLargeBlobWrite(blob)))
			if err != nil || fmt.Sprint(out) != "map[largeBlob:map[written:true]]" {
				t.Fatalf("%d bytes: results %v, error %v", size, out, err)
			}
			_, out, err = s.signIn(c, nil, []*account{alice}, read)
			want := map[string]any{"largeBlob": map[string]any{"blob": base64.RawURLEncoding.EncodeToString(blob)}}
			if err != nil || fmt.Sprint(out) != fmt.Sprint(want) {
				t.Fatalf("%d bytes: results %v, error %v", size, out, err)
			}
		}
	})
}

func TestCredBlobAndProtection(t *testing.T) {
	s, alice := newSite(t), &account{id: "alice"}
	c, _ := page(t, authenticator.SecurityKey())
	out, err := s.register(c, alice, discoverable(), webauthn.WithExtensions(
		webauthn.WithExtensionCredBlob([]byte("blob")),
		webauthn.WithExtensionCredentialProtectionPolicy("userVerificationRequired", true),
		webauthn.WithExtensionMinPinLength(),
	))
	if err != nil || fmt.Sprint(out) != "map[credBlob:true]" {
		t.Fatalf("results %v, error %v", out, err)
	}
	_, out, err = s.signIn(c, alice, nil, webauthn.WithAssertionExtensions(webauthn.WithExtensionGetCredBlob()))
	if err != nil || fmt.Sprint(out) != "map[getCredBlob:YmxvYg]" {
		t.Errorf("results %v, error %v", out, err)
	}
	// Protected like that, it is not to be found without the PIN.
	_, _, err = s.signIn(c, alice, nil, webauthn.WithUserVerification(protocol.VerificationDiscouraged))
	wantError(t, err, client.NotAllowedError)
}

func TestWrongPINToLockout(t *testing.T) {
	c, _ := page(t, authenticator.SecurityKey())
	tries := 0
	c.PIN = func(_ context.Context, r client.PINRequest) ([]byte, error) {
		if r.Retries != 8-tries {
			t.Errorf("%d tries left after %d", r.Retries, tries)
		}
		tries++
		return []byte("000000"), nil
	}
	_, err := newSite(t).register(c, &account{id: "alice"}, discoverable())
	wantError(t, err, client.NotAllowedError)
	if tries != 3 || !errors.Is(err, ctap.ErrPINAuthBlocked) {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestForeignOrigin(t *testing.T) {
	s, alice := newSite(t), &account{id: "alice"}
	c, p := page(t, authenticator.SecurityKey())
	if _, err := s.register(c, alice, discoverable()); err != nil {
		t.Fatal(err)
	}
	p.asked = nil
	c.Origin = "https://login.example.com.evil.org"
	_, _, err := s.signIn(c, nil, []*account{alice})
	wantError(t, err, client.SecurityError)
	if p.asked != nil {
		t.Error("the person was asked")
	}
}

// silence never answers.
type silence struct{}

func (silence) Ask(ctx context.Context, _ authenticator.Prompt) (authenticator.Consent, error) {
	<-ctx.Done()
	return authenticator.Consent{}, ctx.Err()
}

func TestAbortWhileThePersonIsAsked(t *testing.T) {
	device, err := authenticator.New(t.Context(), authenticator.Config{User: silence{}})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close(context.Background())
	c := &client.Client{Device: client.Local(device, nil), Origin: "https://login.example.com"}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	options, _, err := newSite(t).rp.BeginRegistration(&account{id: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Create(ctx, encode(t, options))
	wantError(t, err, client.AbortError)

	c.MinTimeout, c.MaxTimeout = 20*time.Millisecond, 20*time.Millisecond
	_, err = c.Create(t.Context(), encode(t, options))
	wantError(t, err, client.NotAllowedError)
}
