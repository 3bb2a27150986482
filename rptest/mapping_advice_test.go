package rptest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mapped is the strict site with its mapping changed, and plays one case.
func mapped(t *testing.T, id string, change func(map[Step]StepMapping), also ...func(*Audit)) Result {
	t.Helper()
	plain := settings(t)[0]
	audit := plain.run(t, "").Audit
	site := audit.RP.(*Site)
	m := *site.Mapping()
	m.Steps = maps.Clone(m.Steps)
	change(m.Steps)
	site.mapping = &m
	audit.Only, audit.Trusted = []string{id}, false
	for _, f := range also {
		f(&audit)
	}
	report, err := audit.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report.Results[0]
}

// without takes members out of a step's body.
func without(step Step, members ...string) func(map[Step]StepMapping) {
	return func(steps map[Step]StepMapping) {
		s := steps[step]
		s.Requests = slices.Clone(s.Requests)
		body := maps.Clone(s.Requests[0].JSON.(map[string]any))
		for _, name := range members {
			delete(body, name)
		}
		s.Requests[0].JSON = body
		steps[step] = s
	}
}

// A case that does not apply says what in the mapping would change that.
func TestNeedsNameTheMapping(t *testing.T) {
	for _, c := range []struct {
		id     string
		change func(map[Step]StepMapping)
		says   string
	}{
		{"sequence.ownership.delete-other", func(s map[Step]StepMapping) { delete(s, DeleteCredential) }, "it needs deletion of a credential (step credential.delete)"},
		{"sequence.ownership.delete-other", func(s map[Step]StepMapping) {
			delete(s, DeleteCredential)
			delete(s, Credentials)
		}, "it needs deletion of a credential (steps credential.delete and credentials)"},
		{"register.attestation.packed.alg", without(RegisterBegin, "attestation"), "it needs attestation direct (send ${wish.attestation} in register.begin)"},
		{"register.flags.uv", without(RegisterBegin, "authenticatorSelection"), "it needs user verification required (send ${wish.userVerification} in register.begin)"},
		{"login.flags.uv", without(LogInBegin, "userVerification"), "it needs user verification required (send ${wish.userVerification} in login.begin)"},
		{"register.attestation.packed-self.alg", func(map[Step]StepMapping) {}, ""}, // it is met
		{"register.flags.up-conditional", without(RegisterBegin, "mediation"), "it needs registration with mediation conditional (send ${wish.mediation} in register.begin)"},
		{"login.extensions.prf-short", without(LogInBegin, "extensions"), "it needs prf asked for (send ${wish.extensions} in login.begin)"},
		{"register.attestation.trust.rogue", func(map[Step]StepMapping) {}, "it needs attestation roots checked"},
	} {
		r := mapped(t, c.id, c.change)
		if (r.Outcome == NotApplicable) != (c.says != "") || !strings.HasSuffix(r.Detail, c.says) {
			t.Errorf("%s: %s: %s\nwant %s", c.id, r.Outcome, r.Detail, c.says)
		}
	}
}

// Placeholders that the site does not go by are named as such, and steps that the FIDO
// profile has not, as a mapping's.
func TestNeedsOfAProfile(t *testing.T) {
	plain := settings(t)[0]
	site := plain.run(t, "").RP.(*Site)
	site.mapping = FIDO().at("https://localhost")
	for _, c := range []struct {
		step Step
		need Need
		says string
	}{
		{RegisterBegin, NeedAttestation, "it needs attestation direct (register.begin has ${wish.attestation}, but the site does not go by it)"},
		{"", NeedWhoAmI, "it needs a page that tells who is signed in (step whoami of a mapping)"},
		{RegisterBegin, NeedEdDSA, "it needs EdDSA offered"},
	} {
		if err := unmet(&recorder{RP: &audited{RP: site}}, c.step, c.need); !strings.HasSuffix(err.Error(), c.says) {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

// What the FIDO profile has by design is no finding of its users; of a mapping it is.
func TestProfileByDesign(t *testing.T) {
	for _, id := range []string{"sequence.ownership.stranger-enrols", "options.client-lowers.verification"} {
		plain := settings(t)[0]
		audit := plain.run(t, "").Audit
		audit.RP.(*Site).mapping = FIDO().at("https://localhost")
		audit.Only = []string{id}
		report, err := audit.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := report.Results[0]; r.Outcome != NotApplicable || !strings.Contains(r.Detail, "has this by design: check your real endpoints by a mapping") {
			t.Errorf("%s: %s: %s", id, r.Outcome, r.Detail)
		}
		if r := mapped(t, id, func(map[Step]StepMapping) {}); r.Outcome != Rejected {
			t.Errorf("%s by a mapping: %s: %s", id, r.Outcome, r.Detail)
		}
	}
}

// unsaying takes residentKey out of a site's options.
type unsaying struct{ http.RoundTripper }

func (u unsaying) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(regexp.MustCompile(`"residentKey":"[a-z]*",?`).ReplaceAll(body, nil)))
	return resp, err
}

// Where options ask for no discoverable credential, what needs one is played with
// devices whose credentials all are, and alike with the others.
func TestDiscoverableByDevice(t *testing.T) {
	unsaid := without(RegisterBegin, "authenticatorSelection")
	with := func(p Personality) func(*Audit) {
		return func(a *Audit) {
			site := a.RP.(*Site)
			a.Device, site.transport = DeviceConfig{Personality: p}, unsaying{site.transport}
		}
	}
	for _, id := range []string{
		"login.flags.uv-only-factor", "login.user-handle.missing", "login.user-handle.other", "sequence.account.not-discoverable", "sequence.account.other-user-handle",
	} {
		r := mapped(t, id, unsaid, with(Hardware))
		if want := "it needs discoverable credential (send ${wish.residentKey} in register.begin)"; r.Outcome != NotApplicable || !strings.HasSuffix(r.Detail, want) {
			t.Errorf("%s: %s: %s\nwant %s", id, r.Outcome, r.Detail, want)
		}
		if r := mapped(t, id, unsaid, with(Phone)); r.Outcome != Rejected && r.Outcome != Accepted {
			t.Errorf("%s with a phone: %s: %s", id, r.Outcome, r.Detail)
		}
	}
}
