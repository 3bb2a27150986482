package rptest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// A change may have those as its consequence that have to be made anew from it, or
// mean nothing without it; they in turn have theirs. {leaf} is the first
// certificate of any statement; $ stands behind what has to be changed as a whole.
var consequences = []struct {
	of string
	on []string
}{
	{"clientDataJSON", []string{"{signed}"}},
	{"attestationObject.authData", []string{"{signed}", "authenticatorData"}},
	{"attestationObject.authData.aaguid", []string{"{leaf}.extensions.aaguid"}},
	{"attestationObject.authData.credentialId", []string{"id", "rawId"}},
	{"attestationObject.authData.credentialPublicKey", []string{
		"publicKey", "publicKeyAlgorithm", "{statement}.pubArea", "{leaf}.publicKey"}},
	{"attestationObject.fmt", []string{"attestationObject.attStmt"}},

	{"{signed}", []string{"{statement}.sig", "{statement}.certInfo.extraData", "{leaf}.extensions.keyDescription", "{leaf}.extensions.appleNonce"}},
	{"{statement}.pubArea", []string{"{statement}.certInfo.name", "{statement}.certInfo.qualifiedName"}},
	{"{statement}.certInfo", []string{"{statement}.sig"}},
	{"{leaf}.publicKey", []string{"{leaf}.extensions.subjectKeyIdentifier", "{statement}.sig", "{statement}.certInfo.qualifiedSigner"}},
	{"{leaf}", []string{"{leaf}.serialNumber", "{leaf}.signature"}},
	{"attestationObject.attStmt.x5c[1]", []string{"attestationObject.attStmt.x5c[1].serialNumber", "attestationObject.attStmt.x5c[1].signature"}},

	{"attestationObject$", []string{"transports", "publicKey", "publicKeyAlgorithm", "signature"}},
	{"attestationObject.authData.extensions", []string{"attestationObject.authData.flags.ED"}},
	{"clientDataJSON.topOrigin", []string{"clientDataJSON.crossOrigin"}},
	{"id", []string{"rawId"}},

	// Of a sign-in.
	{"attestationObject$", []string{"authenticatorData"}},
	{"clientExtensionResults.appid", []string{"authenticatorData.rpIdHash"}},
	{"clientDataJSON", []string{"signature"}},
	{"authenticatorData", []string{"signature"}},
}

// statements are the places of statements, those within compound included.
var statements = []string{"attestationObject.attStmt", "attestationObject.attStmt[0].attStmt", "attestationObject.attStmt[1].attStmt"}

// places gives the paths that a pattern stands for.
func places(pattern string) []string {
	var all []string
	for _, s := range statements {
		p := strings.ReplaceAll(pattern, "{leaf}", s+".x5c[0]")
		all = append(all, strings.ReplaceAll(p, "{statement}", s))
	}
	return slices.Compact(all)
}

// within tells whether a path is a part of another, or it itself.
func within(path, of string) bool {
	rest, ok := strings.CutPrefix(path, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// allowed are a case's field and all its consequences.
func allowed(field string) []string {
	fields := []string{field}
	for i := 0; i < len(fields); i++ {
		for _, c := range consequences {
			for _, of := range places(c.of) {
				if whole, ok := strings.CutSuffix(of, "$"); fields[i] != whole && (ok || !within(fields[i], of)) {
					continue
				}
				for _, pattern := range c.on {
					for _, p := range places(pattern) {
						if !slices.Contains(fields, p) {
							fields = append(fields, p)
						}
					}
				}
			}
		}
	}
	return fields
}

// strays says where a fault differs from its control in more than the case's field
// and what follows from it, or not there at all.
func strays(c Case, control, fault []byte) (all []string) {
	changes := explain.Diff(control, fault)
	if len(changes) == 0 && c.Want == MustAccept {
		return nil // what honest devices do, too
	}
	may := allowed(c.Field)
	named := false
	for _, change := range changes {
		named = named || within(change.Path, c.Field) || within(c.Field, change.Path)
		if !slices.ContainsFunc(may, func(f string) bool { return within(change.Path, f) }) {
			all = append(all, fmt.Sprintf("%s differs, too:\n%s", change.Path, explain.Table([]explain.Change{change})))
		}
	}
	if !named {
		all = append(all, fmt.Sprintf("nothing differs in %s:\n%s", c.Field, explain.Table(changes)))
	}
	return all
}

// testOptions are options that meet a case's needs.
func testOptions(t testing.TB, c Case) (create, get []byte) {
	t.Helper()
	algs := []ctap.Algorithm{ctap.ES256, ctap.RS256, ctap.EdDSA}
	if slices.Contains(c.Needs, NeedRS256) && len(c.Device.Algorithms) == 1 && c.Device.Algorithms[0] == ctap.RS256 {
		algs = []ctap.Algorithm{ctap.RS256, ctap.ES256}
	}
	var params []map[string]any
	for _, a := range algs {
		params = append(params, map[string]any{"type": "public-key", "alg": a})
	}
	w := c.wishes()
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	create = encode(map[string]any{
		"rp": map[string]any{"id": "login.example", "name": "Login"}, "user": map[string]any{"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
		"challenge": "cmVnaXN0ZXIgYWxpY2Ugbm93", "pubKeyCredParams": params, "attestation": w.Attestation,
		"authenticatorSelection": map[string]any{"residentKey": w.ResidentKey, "userVerification": w.UserVerification},
	})
	request := map[string]any{
		"rpId": "login.example", "challenge": "c2lnbiBhbGljZSBpbiBub3c", "userVerification": w.UserVerification,
	}
	if e := c.extensions(); e != "" {
		request["extensions"] = json.RawMessage(e)
	}
	get = encode(request)
	return create, get
}

// build plays a case against options that meet its needs. Where the control was
// already what the fault would make of it, as half of all signatures are high,
// another device is taken.
func build(ctx context.Context, t testing.TB, c Case) (control, fault []byte) {
	t.Helper()
	for _, seed := range []string{"", " 1", " 2", " 3", " 4", " 5", " 6", " 7"} {
		control, fault = buildWith(ctx, t, c, seed)
		if len(explain.Diff(control, fault)) > 0 {
			break
		}
	}
	return control, fault
}

func buildWith(ctx context.Context, t testing.TB, c Case, seed string) (control, fault []byte) {
	t.Helper()
	config := c.Device.over(DeviceConfig{})
	config.Seed = c.ID + seed
	d, err := NewDevice(config)
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{Device: d, Origin: "https://login.example"}
	create, get := testOptions(t, c)
	if c.Kind == Registering {
		r, err := client.Create(ctx, create, c.Mutation())
		if err != nil {
			t.Fatal(err)
		}
		return r.Honest, r.JSON
	}
	made, err := client.Create(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(c.Needs, NeedUsernameless) {
		if get, err = listing(get, made); err != nil {
			t.Fatal(err)
		}
	}
	r, err := client.Get(ctx, get, c.Mutation())
	if err != nil {
		t.Fatal(err)
	}
	return r.Honest, r.JSON
}

// Every case that is one spoilt response differs from its control in its field and
// what has to be made anew from that, and in nothing else.
func TestFaultsAreIsolated(t *testing.T) {
	for _, c := range Catalogue() {
		if c.Kind != Registering && c.Kind != SigningIn || c.NotRun != "" || len(c.Edits) == 0 {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			control, fault := build(t.Context(), t, c)
			for _, stray := range strays(c, control, fault) {
				t.Error(stray)
			}
		})
	}
}

// What is spoilt beside the field is noticed, and so is a field that is not spoilt.
func TestStraysAreNoticed(t *testing.T) {
	origin, _ := FindCase("login.origin.port")
	for _, c := range []struct {
		name  string
		field string
		also  []ceremony.Edit
		want  int
	}{
		{"the field alone", origin.Field, nil, 0},
		{"another member", origin.Field, edits(ceremony.Outer(func(r map[string]any) { r["type"] = "key" })), 1},
		{"another signed part", origin.Field, edits(ceremony.SignCount(7)), 1},
		{"another field", "clientDataJSON.challenge", nil, 2},
	} {
		changed := origin
		changed.Field, changed.Edits = c.field, slices.Concat(origin.Edits, c.also)
		control, fault := build(t.Context(), t, changed)
		if got := strays(changed, control, fault); len(got) != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// A control must be what a strict site takes: the format and the key that the
// case is about, unless a format of its own is not what it is about.
func TestControlsAreOfTheirFormat(t *testing.T) {
	for _, c := range attestationCases() {
		if c.NotRun != "" || !slices.ContainsFunc(c.Needs, func(n Need) bool { return n != NeedNoAttestation && strings.HasPrefix(string(n), "attestation") }) {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			c.complete()
			control, _ := build(t.Context(), t, c)
			parsed, err := ceremony.Parse(control, ceremony.Source{Format: c.Device.Attestation})
			if err != nil {
				t.Fatal(err)
			}
			if got := explain.Explain(control); !strings.Contains(got, fmt.Sprintf("fmt: %q", c.Device.Attestation.Identifier())) {
				t.Errorf("control is not of the format %s:\n%s", c.Device.Attestation, got)
			}
			if c.Device.Attestation == attest.PackedSelf != (parsed.Format == attest.PackedSelf) {
				t.Errorf("control is of %s, not of %s", parsed.Format, c.Device.Attestation)
			}
		})
	}
}
