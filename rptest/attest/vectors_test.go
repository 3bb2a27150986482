package attest

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
)

// vector is a registration of WebAuthn's test vectors.
type vector struct {
	ID           string `json:"id"`
	CA           string `json:"attestation_ca_cert"`
	Registration struct {
		AttestationObject string `json:"attestationObject"`
		ClientDataJSON    string `json:"clientDataJSON"`
	} `json:"registration"`
}

func readVectors(t *testing.T) (vectors []vector, root *x509.Certificate) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Ceremonies []vector `json:"ceremonies"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all.Ceremonies {
		if v.CA == "" {
			vectors = append(vectors, v)
			continue
		}
		if root, err = x509.ParseCertificate(unhex(t, v.CA)); err != nil {
			t.Fatal(err)
		}
	}
	return vectors, root
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVerifierVectors: the verifier of these tests accepts the standard's
// registrations, so what it says of ours counts.
func TestVerifierVectors(t *testing.T) {
	vectors, root := readVectors(t)
	v := &verifier{root, fixedClock()}
	rejected := map[string]string{
		// Its lists are empty, against §8.4; what comes before is right.
		"android-key-es256": "origin or purpose",
		"packed-ed448":      "not an Ed25519 key",
	}
	for _, vector := range vectors {
		hash := sha256.Sum256(unhex(t, vector.Registration.ClientDataJSON))
		err := v.verify(unhex(t, vector.Registration.AttestationObject), hash[:])
		if why := rejected[vector.ID]; why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("%s: %v", vector.ID, err)
		}
	}
}

// TestVectorShape: our statements have the members, the certificates' extensions
// and the TPM structures that the standard's have.
func TestVectorShape(t *testing.T) {
	vectors, _ := readVectors(t)
	a := New(seed, fixedClock)
	compared := 0
	for _, vector := range vectors {
		format, ok := map[string]Format{
			"packed-self-es256": PackedSelf, "packed-es256": PackedDirect, "tpm-es256": TPM,
			"android-key-es256": AndroidKey, "apple-es256": Apple, "fido-u2f-es256": FIDOU2F,
		}[vector.ID]
		if !ok {
			continue
		}
		compared++
		want := shape(t, unhex(t, vector.Registration.AttestationObject))
		got := shape(t, object(t, a, newCredential(t, format, ctap.ES256)))
		if format == PackedDirect {
			// The vector's root serves one model; ours may serve many.
			got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, oidAAGUID.String()) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant:\n%s", vector.ID, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if compared != 6 {
		t.Errorf("compared %d vectors", compared)
	}
}

// shape tells how an attestation object is built, without what it says.
func shape(t *testing.T, object []byte) []string {
	t.Helper()
	var o struct {
		Fmt     string                     `cbor:"fmt"`
		AttStmt map[string]cbor.RawMessage `cbor:"attStmt"`
	}
	if err := cbor.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	lines := []string{o.Fmt, strings.Join(slices.Sorted(maps.Keys(o.AttStmt)), " ")}
	var x5c []ctap.Bytes
	if item, ok := o.AttStmt["x5c"]; ok {
		if err := cbor.Unmarshal(item, &x5c); err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(x5c[0])
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("version %d, %v, subject empty: %v", c.Version, c.SignatureAlgorithm, len(c.Subject.Names) == 0))
		for _, e := range c.Extensions {
			lines = append(lines, fmt.Sprintf("%v, critical: %v", e.Id, e.Critical))
		}
	}
	if item, ok := o.AttStmt["pubArea"]; ok {
		lines = append(lines, tpmShape(t, item, o.AttStmt["certInfo"])...)
	}
	return lines
}

func tpmShape(t *testing.T, pubArea, certInfo cbor.RawMessage) []string {
	t.Helper()
	var public, info ctap.Bytes
	if err := cbor.Unmarshal(pubArea, &public); err != nil {
		t.Fatal(err)
	}
	if err := cbor.Unmarshal(certInfo, &info); err != nil {
		t.Fatal(err)
	}
	p, err := tpm2.Unmarshal[tpm2.TPMTPublic](public)
	if err != nil {
		t.Fatal(err)
	}
	params, err := p.Parameters.ECCDetail()
	if err != nil {
		t.Fatal(err)
	}
	i, err := tpm2.Unmarshal[tpm2.TPMSAttest](info)
	if err != nil {
		t.Fatal(err)
	}
	c, err := i.Attested.Certify()
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		fmt.Sprintf("type %#x, name by %#x, curve %#x", p.Type, p.NameAlg, params.CurveID),
		fmt.Sprintf("magic %#x, type %#x, extraData of %d, name of %d", i.Magic, i.Type, len(i.ExtraData.Buffer), len(c.Name.Buffer)),
	}
}

// TestCertificates: certificates have serial numbers of their own, and dates that
// hold at any clock.
func TestCertificates(t *testing.T) {
	a := New(seed, fixedClock)
	serials := map[string]string{}
	forEach(t, func(t *testing.T, format Format, alg ctap.Algorithm) {
		var o struct {
			AttStmt struct {
				X5C []ctap.Bytes `cbor:"x5c"`
			} `cbor:"attStmt"`
		}
		if !format.certified() {
			return
		}
		if err := cbor.Unmarshal(object(t, a, newCredential(t, format, alg)), &o); err != nil {
			t.Fatal(err)
		}
		for _, der := range o.AttStmt.X5C {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if c.SerialNumber.Sign() <= 0 || len(c.SerialNumber.Bytes()) != 16 {
				t.Errorf("serial number %v", c.SerialNumber)
			}
			if other, ok := serials[c.SerialNumber.String()]; ok && other != string(der) {
				t.Error("two certificates share a serial number")
			}
			serials[c.SerialNumber.String()] = string(der)
			if c.NotBefore.After(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) || c.NotAfter.Year() != 9999 {
				t.Errorf("valid from %v to %v", c.NotBefore, c.NotAfter)
			}
		}
	})
}
