//go:build history

package real

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

const history = parties + "/history"

// A site that lacked a check, and the same with it.
var fixes = []struct {
	ids        []string // the cases that show it
	reference  string   // the advisory, or the changelog's entry
	start      func(t *testing.T, version string) rptest.RP
	old, fixed string
}{
	{[]string{"sequence.ownership.delete-other"}, "GHSA-4vcf-q4xf-f48m, CVE-2025-71400", betterAuth, "1.3.34", "1.4.8"},
	{[]string{"sequence.replay.login"}, "https://github.com/better-auth/better-auth/pull/6821", betterAuth, "1.4.7", "1.4.8"},
	{[]string{"sequence.replay.parallel"}, "https://github.com/better-auth/better-auth/pull/9622", betterAuth, "1.6.11", "1.6.13"},

	{[]string{"register.attestation.packed.leaf-aaguid"}, "https://github.com/MasterKale/SimpleWebAuthn/pull/609", simpleWebAuthn, "v10", "v11"},
	{[]string{"login.top-origin.alone", "login.top-origin.foreign"}, "https://github.com/MasterKale/SimpleWebAuthn/pull/759", simpleWebAuthn, "v13", "v14"},

	{[]string{"login.backup.became-eligible", "login.backup.no-longer-eligible", "login.flags.bs-without-be"},
		"https://github.com/go-webauthn/webauthn/issues/240", goWebAuthnAt, "v0.10.2", "v0.11.2"},
	{[]string{"register.key.alg-not-offered"}, "https://github.com/go-webauthn/webauthn/issues/412", goWebAuthnAt, "v0.11.2", "v0.13.3"},
	{[]string{"register.cross-origin.true", "login.cross-origin.true", "register.top-origin.foreign", "login.top-origin.foreign"},
		"https://github.com/go-webauthn/webauthn/issues/647", goWebAuthnAt, "v0.16.5", "v0.17.0"},
	{[]string{"register.flags.bs-without-be"}, "https://github.com/go-webauthn/webauthn/issues/748", goWebAuthnAt, "v0.17.4", "v0.18.0"},
	{[]string{"register.object.trailing", "register.auth-data.ed-trailing"}, "https://github.com/go-webauthn/webauthn/issues/762", goWebAuthnAt, "v0.17.4", "v0.18.0"},
	{[]string{"register.id.other", "register.raw-id.other", "register.raw-id.missing"},
		"https://github.com/go-webauthn/webauthn/issues/763", goWebAuthnAt, "v0.17.4", "v0.18.0"},
	{[]string{"login.signature.third-integer", "login.signature.trailing-byte"},
		"https://github.com/go-webauthn/webauthn/issues/744", goWebAuthnAt, "v0.17.4", "v0.18.0"},
	{[]string{"register.attestation.tpm.leaf-no-constraints"}, "https://github.com/go-webauthn/webauthn/issues/725", goWebAuthnAt, "v0.17.4", "v0.18.0"},
}

// TestHistory: an old version is flagged by the cases of the check that it lacked,
// and the one that has the check is not.
func TestHistory(t *testing.T) {
	for _, fix := range fixes {
		t.Run(fix.ids[0], func(t *testing.T) {
			old, fixed := outcomes(t, fix.start(t, fix.old), fix.ids), outcomes(t, fix.start(t, fix.fixed), fix.ids)
			for _, id := range fix.ids {
				t.Logf("%s: %s %s, %s %s (%s)", id, fix.old, old[id].Outcome, fix.fixed, fixed[id].Outcome, fix.reference)
				if !old[id].Finding {
					t.Errorf("%s does not flag %s: %s: %s", id, fix.old, old[id].Outcome, old[id].Detail)
				}
				if fixed[id].Outcome != rptest.Rejected {
					t.Errorf("%s: %s was %s: %s", id, fix.fixed, fixed[id].Outcome, fixed[id].Detail)
				}
			}
		})
	}
}

func outcomes(t *testing.T, rp rptest.RP, ids []string) map[string]rptest.Result {
	t.Helper()
	return run(t, &rptest.Audit{RP: rp, Only: ids})
}

// goWebAuthnAt builds the site with a version of go-webauthn.
func goWebAuthnAt(t *testing.T, version string) rptest.RP {
	t.Helper()
	program := filepath.Join(t.TempDir(), "site")
	build := exec.Command("go", "build", "-modfile="+filepath.FromSlash("testdata/relyingparties/history/go-webauthn/"+version+".mod"),
		"-o", program, "./testdata/relyingparties/gowebauthn/serve")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	return at(t, serve(t, program), library("go-webauthn "+version))
}

func simpleWebAuthn(t *testing.T, version string) rptest.RP {
	t.Helper()
	folder := history + "/simplewebauthn"
	needNode(t, folder)
	return at(t, serve(t, "node", parties+"/simplewebauthn/server.mjs", folder, version), library("SimpleWebAuthn "+version))
}

func betterAuth(t *testing.T, version string) rptest.RP {
	t.Helper()
	folder := history + "/better-auth-" + version
	needNode(t, folder)
	m, err := rptest.ReadMapping(parties + "/betterauth/rp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{parties + "/betterauth/server.mjs", folder}
	if version == "1.3.34" {
		args = append(args, "better-auth", "better-auth/plugins/passkey") // it was not a package of its own
	}
	return at(t, serve(t, "node", args...), m)
}
