package explain_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// The standard's own registrations are taken apart to the last field.
func TestExplainVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Ceremonies []struct {
			ID           string `json:"id"`
			Registration struct {
				AttestationObject string `json:"attestationObject"`
			} `json:"registration"`
		} `json:"ceremonies"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, v := range vectors.Ceremonies {
		object, err := hex.DecodeString(v.Registration.AttestationObject)
		if err != nil {
			t.Fatal(err)
		}
		if len(object) == 0 {
			continue
		}
		text := explain.Explain(object)
		for _, bad := range []string{"malformed", "(no ", "not of this", "trailing", "x509: "} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %s in %s", v.ID, bad, text)
			}
		}
		for _, want := range map[string][]string{
			"tpm-es256": {"\n      magic: 0xff544347  (TPM_GENERATED_VALUE)\n      type: 0x8017  (TPM_ST_ATTEST_CERTIFY)\n", "  (of this pubArea)\n", "  (P-256)\n",
				"          extKeyUsage\n            [0]: 2.23.133.8.3  (tcg-kp-AIKCertificate)\n", "              tpmManufacturer: \"id:", "              tpmModel: \"", "              tpmVersion: \"id:"},
			"android-key-es256": {"            attestationVersion: 300\n", "            attestationChallenge: h'"},
			"apple-es256":       {"          appleNonce: h'"},
			"packed-es256":      {"          basicConstraints\n            cA: false\n"},
		}[v.ID] {
			found++
			if !strings.Contains(text, want) {
				t.Errorf("%s: nothing of %q in %s", v.ID, want, text)
			}
		}
	}
	if found != 11 {
		t.Errorf("%d facts were looked for", found)
	}
}

// A certificate that crypto/x509 refuses for one extension is taken apart all the same.
func TestRefusedCertificate(t *testing.T) {
	created, _ := responses(t, rptest.DeviceConfig{Attestation: attest.Packed})
	der := string(certificateOf(t, created))
	const constraints = "\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"
	if strings.Count(der, constraints) != 1 {
		t.Fatalf("no constraints: %x", der)
	}
	bad := strings.Replace(der, constraints, "\x55\x1d\x13\x01\x01\xff\x04\x02\x05\x00", 1)
	text := explain.Explain([]byte(bad))
	for _, want := range []string{"certificate  (x509: invalid basic constraints)\n", "  version: 3\n", "  issuer\n    countryName: ", "  subject\n", "    organizationName: \"Signet\"\n",
		"    basicConstraints: h'0500' (critical)  (malformed)\n", "    keyUsage: digitalSignature (critical)\n", "    aaguid: ", "  signatureAlgorithm: ECDSA-SHA256\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing of %q in %s", want, text)
		}
	}
	if kind := explain.Recognise([]byte(bad)); kind != explain.Certificate {
		t.Errorf("it is taken for %s", kind)
	}
	if c := paths(explain.Diff([]byte(der), []byte(bad))); c != "certificate.extensions.basicConstraints" {
		t.Errorf("it differs in %s", c)
	}
}

// Whatever a certificate is, it is taken apart or it is none, and does not differ from
// itself.
func FuzzCertificate(f *testing.F) {
	for _, format := range []attest.Format{attest.Packed, attest.TPM, attest.Apple} {
		created, _ := responses(f, rptest.DeviceConfig{Attestation: format})
		f.Add(certificateOf(f, created))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		explain.Explain(der)
		if changes := explain.Diff(der, der); len(changes) > 0 {
			t.Fatalf("differs from itself: %s", explain.Table(changes))
		}
	})
}
