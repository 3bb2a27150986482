package explain_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// Keys, certificates and signatures in DER are what they are, and no authenticator
// data, however they are written.
func TestDER(t *testing.T) {
	spki := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	created, got := responses(t, rptest.DeviceConfig{Attestation: attest.Packed})
	type algorithm struct{ OID asn1.ObjectIdentifier }
	latest, err := asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}}, asn1.BitString{Bytes: make([]byte, 1312), BitLength: 8 * 1312}})
	if err != nil {
		t.Fatal(err)
	}
	certificate := certificateOf(t, created)
	r, s := strings.Repeat("\x11", 32), "\x00"+strings.Repeat("\xe1", 32)
	signature := "\x30\x45\x02\x20" + r + "\x02\x21" + s
	for name, d := range map[string]struct {
		der  []byte
		kind explain.Kind
		want []string
	}{
		"P-256": {member(t, created.JSON, "publicKey"), explain.PublicKey, []string{"publicKey  (SubjectPublicKeyInfo)\n",
			"  algorithm: 1.2.840.10045.2.1  (EC)\n", "  curve: 1.2.840.10045.3.1.7  (P-256)\n", "\n  x: h'", "\n  y: h'"}},
		"P-384":     {spki(p384.Public()), explain.PublicKey, []string{"(P-384)\n"}},
		"RSA":       {spki(&rsa.PublicKey{N: p384.X, E: 65537}), explain.PublicKey, []string{"(RSA)\n", "\n  n: h'", "\n  e: h'010001'\n"}},
		"Ed25519":   {spki(ed25519.PublicKey(make([]byte, 32))), explain.PublicKey, []string{"(Ed25519)\n", "\n  key: h'0000"}},
		"ML-DSA-44": {latest, explain.PublicKey, []string{"(ML-DSA-44)\n"}},
		"a signature": {[]byte(signature), explain.Signature,
			[]string{"signature  (ECDSA, 71 bytes)\n", "\n  r: h'1111", "\n  s: h'00e1e1"}},
		"a device's signature":  {member(t, got.JSON, "signature"), explain.Signature, []string{"signature  (ECDSA, "}},
		"a signature of naught": {[]byte("\x30\x06\x02\x01\x00\x02\x01\x00"), explain.Signature, []string{"\n  r: h'00'\n  s: h'00'\n"}},
		"a certificate":         {certificate, explain.Certificate, []string{"certificate\n", "\n  subject: "}},
		"another sequence":      {[]byte("\x30\x03\x0c\x01a"), explain.DER, []string{"sequence: h'30030c0161'  (DER that is no certificate, "}},
		"three numbers":         {[]byte("\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01"), explain.DER, nil},
		"two strings":           {[]byte("\x30\x06\x04\x01\x01\x04\x01\x01"), explain.DER, nil},
		"an RSA key alone":      {[]byte("\x30\x4b\x02\x44" + strings.Repeat("\x11", 68) + "\x02\x03\x01\x00\x01"), explain.Signature, nil}, // as long as one of P-521 may be
		"a longer RSA key":      {[]byte("\x30\x4c\x02\x45" + strings.Repeat("\x11", 69) + "\x02\x03\x01\x00\x01"), explain.DER, nil},
		"a byte more":           {[]byte(signature + "\x00"), explain.AuthenticatorDataPerhaps, nil},
		"a byte less":           {[]byte(signature[:70]), explain.AuthenticatorDataPerhaps, nil},
		// An RP ID's hash may begin so. Its elements are not whole.
		"authenticator data": {[]byte("\x30\x23" + r[:30] + "\x05\x00\x00\x00\x00"), explain.AuthenticatorData, []string{"\n  rpIdHash: h'3023"}},
	} {
		text := explain.Explain(d.der)
		for _, want := range d.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: nothing of %q in %s", name, want, text)
			}
		}
		for form, written := range forms(d.der) {
			if got := explain.Recognise([]byte(written)); got != d.kind {
				t.Errorf("%s as %s is taken for %s", name, form, got)
			}
			if got := explain.Explain([]byte(written)); got != text {
				t.Errorf("%s as %s: %s", name, form, got)
			}
		}
	}
	if c := paths(explain.Diff([]byte(signature), []byte(strings.Replace(signature, "\x11", "\x12", 1)))); c != "signature.r" {
		t.Errorf("another r: %s", c)
	}
}

// certificateOf finds the first certificate in an attestation statement.
func certificateOf(t testing.TB, created *rptest.Registration) []byte {
	t.Helper()
	object := string(member(t, created.JSON, "attestationObject"))
	_, after, ok := strings.Cut(object, "x5c\x82\x59") // two byte strings, behind their lengths
	if !ok {
		t.Fatalf("no x5c: %x", object)
	}
	return []byte(after[2 : 2+int(after[0])<<8+int(after[1])])
}
