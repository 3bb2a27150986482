package authenticator

import (
	"context"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

func TestAllowsRPID(t *testing.T) {
	list := []string{"example.org", "*.example.com", "ssh:"}
	for rpID, want := range map[string]bool{
		"example.org": true, "www.example.org": false, "example.orgs": false,
		"a.example.com": true, "a.b.example.com": true, "example.com": false, ".example.com": false, "notexample.com": false,
		"ssh:": true, "ssh:host": false, "": false,
	} {
		if got := AllowsRPID(list, rpID); got != want {
			t.Errorf("%q: %v", rpID, got)
		}
		if !AllowsRPID(nil, rpID) || AllowsRPID([]string{}, rpID) {
			t.Errorf("%q: no list allows everything, an empty one nothing", rpID)
		}
	}
}

// strict is a person who must not be asked.
type strict struct{ t *testing.T }

func (u strict) Ask(_ context.Context, p Prompt) (Consent, error) {
	u.t.Errorf("asked to %s at %q", p.Operation, p.RPID)
	return Consent{}, nil
}

// restrictedAgain is the device of d under other rules.
func restrictedAgain(t *testing.T, d *device, cfg Config) *device {
	t.Helper()
	cfg.Root, cfg.Vault = d.root, d.vault
	return newDevice(t, cfg)
}

// Passkeys of sites that are not allowed are neither made nor used, whatever is
// stored, and nobody is asked for them; they can be looked after.
func TestSitesNotAllowed(t *testing.T) {
	ctx := t.Context()
	open := newDevice(t, Config{})
	for _, site := range []string{"example.com", "example.org"} {
		_, err := open.register(ctx, site, "alice", nil, nil)
		mustBe(t, "register", err, nil)
	}
	d := restrictedAgain(t, open, Config{AllowRPIDs: []string{"example.org"}, User: strict{t}})
	_, err := d.register(ctx, "example.com", "bob", nil, nil)
	mustBe(t, "register elsewhere", err, ctap.ErrOperationDenied)
	for _, site := range []string{"example.com", "unknown.example"} {
		_, err = d.login(ctx, site, nil, nil)
		mustBe(t, "sign in elsewhere", err, ctap.ErrOperationDenied)
		_, err = d.login(ctx, site, nil, func(r *ctap.GetAssertionRequest) { r.Options = map[string]bool{"up": false} })
		mustBe(t, "look silently elsewhere", err, ctap.ErrOperationDenied)
		_, err = d.login(ctx, site, []byte{}, func(r *ctap.GetAssertionRequest) { r.PinUvAuthParam = []byte{} })
		mustBe(t, "probe elsewhere", err, ctap.ErrOperationDenied)
	}
	for site, want := range map[string]Restriction{"example.com": SiteNotAllowed, "example.org": Unrestricted} {
		i := slices.IndexFunc(passkeys(t, d, ""), func(p Passkey) bool { return p.RPID == site })
		if p := passkeys(t, d, "")[i]; p.Restriction != want {
			t.Errorf("%s: restriction %d, want %d", site, p.Restriction, want)
		}
	}
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	_, err = d.pinToken(ctx, "1234", ctap.PermissionGA, "example.com")
	mustBe(t, "token elsewhere", err, ctap.ErrOperationDenied)
	_, err = d.pinToken(ctx, "1234", ctap.PermissionGA, "example.org")
	mustBe(t, "token", err, nil)

	again := restrictedAgain(t, open, Config{AllowRPIDs: []string{"example.org"}})
	_, err = again.login(ctx, "example.org", nil, nil)
	mustBe(t, "sign in", err, nil)
}

// U2F tells the hash of a site only.
func TestSitesNotAllowedOverU2F(t *testing.T) {
	ctx := t.Context()
	open := newDevice(t, Config{})
	made, err := open.register(ctx, "example.com", "alice", nil, nil)
	mustBe(t, "register", err, nil)
	d := restrictedAgain(t, open, Config{AllowRPIDs: []string{"example.org"}, User: strict{t}})
	application := sum([]byte("example.com"))
	register := append([]byte{0, ctap.U2FRegister, 0, 0, 64}, append(make([]byte, 32), application[:]...)...)
	if got := d.ServeU2F(ctx, d.session, register); string(got) != string(ctap.SWCommandNotAllowed.Append(nil)) {
		t.Errorf("register: %x", got)
	}
	data := append(append(make([]byte, 32), application[:]...), byte(len(made.CredentialID)))
	data = append(data, made.CredentialID...)
	for _, control := range []byte{ctap.U2FCheckOnly, ctap.U2FEnforceUP, ctap.U2FDontEnforce} {
		authenticate := append([]byte{0, ctap.U2FAuthenticate, control, 0, byte(len(data))}, data...)
		if got := d.ServeU2F(ctx, d.session, authenticate); string(got) != string(ctap.SWWrongData.Append(nil)) {
			t.Errorf("authenticate with control %#x: %x", control, got)
		}
	}
}

// chipped is a root whose ES256 keys are in a chip.
type chipped struct{ *memory.Root }

func (r chipped) Algorithms() []keystore.Algorithm {
	all := slices.Clone(r.Root.Algorithms())
	for i := range all {
		all[i].InChip = all[i].ID == ctap.ES256
	}
	return all
}

// Keys that are not in a chip are neither offered nor made nor used.
func TestHardwareOnly(t *testing.T) {
	ctx := t.Context()
	soft := func(r *ctap.MakeCredentialRequest) {
		r.PubKeyCredParams = []ctap.PubKeyParam{{Alg: ctap.EdDSA, Type: ctap.TypePublicKey}}
	}
	open := newDevice(t, Config{Root: chipped{memory.NewRoot(nil)}})
	_, err := open.register(ctx, rpID, "soft", nil, soft)
	mustBe(t, "register", err, nil)
	d := restrictedAgain(t, open, Config{HardwareOnly: true})
	_, err = d.login(ctx, rpID, nil, nil)
	mustBe(t, "sign in with a software key", err, ctap.ErrNoCredentials)
	_, err = d.register(ctx, rpID, "other", nil, soft)
	mustBe(t, "register with a software key", err, ctap.ErrUnsupportedAlgorithm)
	_, err = d.register(ctx, rpID, "hard", nil, nil)
	mustBe(t, "register", err, nil)
	got, err := d.login(ctx, rpID, nil, nil)
	mustBe(t, "sign in", err, nil)
	if got.NumberOfCredentials > 1 {
		t.Errorf("%d passkeys are offered", got.NumberOfCredentials)
	}
	var info ctap.GetInfoResponse
	mustBe(t, "getInfo", d.send(ctx, ctap.CommandGetInfo, nil, &info), nil)
	if len(info.Algorithms) != 1 || info.Algorithms[0].Alg != ctap.ES256 {
		t.Errorf("offers %v", info.Algorithms)
	}
	for _, p := range passkeys(t, d, "") {
		if want := p.Account.Name == "hard"; p.InChip != want || (p.Restriction == Unrestricted) != want {
			t.Errorf("%s: in chip %v, restriction %d", p.Account.Name, p.InChip, p.Restriction)
		}
	}
}

// A profile that has become stricter has a PIN that is too short changed before
// it verifies anybody.
func TestMinPINLengthRises(t *testing.T) {
	ctx := t.Context()
	old := newDevice(t, Config{})
	mustBe(t, "set PIN", old.setPIN(ctx, "1234"), nil)
	stricter := SecurityKey()
	stricter.MinPINLength = 6
	d := restrictedAgain(t, old, Config{Profile: stricter})
	if n := d.MinPINLength(); n != 6 {
		t.Errorf("minimum is %d", n)
	}
	_, err := d.pinToken(ctx, "1234", ctap.PermissionGA, rpID)
	mustBe(t, "token", err, ctap.ErrPINPolicyViolation)
	err = d.AsOwner(ctx, []byte("1234"), func(o *Owner) error {
		mustBe(t, "short PIN", o.SetPIN(ctx, []byte("12345")), ctap.ErrPINPolicyViolation)
		return o.SetPIN(ctx, []byte("123456"))
	})
	mustBe(t, "change PIN", err, nil)
	_, err = d.pinToken(ctx, "123456", ctap.PermissionGA, rpID)
	mustBe(t, "token", err, nil)

	// A rule that is relaxed does not lower what the device has.
	d = restrictedAgain(t, old, Config{})
	if n := d.MinPINLength(); n != 6 {
		t.Errorf("minimum fell to %d", n)
	}
	_, err = d.pinToken(ctx, "123456", ctap.PermissionGA, rpID)
	mustBe(t, "token", err, nil)
}
