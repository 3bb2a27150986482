package authenticator_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// Object identifiers of FIDO's certificate extensions.
var (
	oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}
	oidSerial = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2}
)

// leaf parses the certificate that a statement was signed under.
func (b *bench) leaf(c credential) *x509.Certificate {
	b.Helper()
	chain := member[list](b, member[dict](b, c.body, 3), "x5c")
	if len(chain) == 0 {
		b.Fatalf("empty x5c")
	}
	der, _ := chain[0].([]byte)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatalf("attestation certificate: %v", err)
	}
	return cert
}

// checkPackedCertificate holds a packed statement and its certificate against
// WebAuthn §8.2 and §8.2.1.
func (b *bench) checkPackedCertificate(c credential) {
	b.Helper()
	b.wants("format", c.body[1], "packed")
	cert := b.leaf(c)
	statement := member[dict](b, c.body, 3)
	signature := member[[]byte](b, statement, "sig")
	b.wants("alg of the statement", statement["alg"], -7)
	if err := cert.CheckSignature(x509.ECDSAWithSHA256, slices.Concat(c.data.raw, clientData), signature); err != nil {
		b.Errorf("the statement does not verify under its certificate: %v", err)
	}
	if s := cert.Subject; len(s.Country) != 1 || len(s.Country[0]) != 2 || len(s.Organization) != 1 ||
		!slices.Equal(s.OrganizationalUnit, []string{"Authenticator Attestation"}) || s.CommonName == "" {
		b.Errorf("subject is %v", s)
	}
	if cert.Version != 3 || !cert.BasicConstraintsValid || cert.IsCA {
		b.Errorf("version %d, basic constraints %v, CA %v", cert.Version, cert.BasicConstraintsValid, cert.IsCA)
	}
	for _, e := range cert.Extensions {
		if e.Id.Equal(oidAAGUID) {
			var aaguid []byte
			if _, err := asn1.Unmarshal(e.Value, &aaguid); err != nil || e.Critical || !bytes.Equal(aaguid, c.data.aaguid) {
				b.Errorf("the certificate's AAGUID is %x (critical %v, %v), want %x", aaguid, e.Critical, err, c.data.aaguid)
			}
		}
		if e.Id.Equal(oidSerial) {
			b.Errorf("the certificate tells which unit made it")
		}
	}
}

// serialNumber returns what a certificate tells of the unit that made it.
func (b *bench) serialNumber(c credential) []byte {
	b.Helper()
	for _, e := range b.leaf(c).Extensions {
		if e.Id.Equal(oidSerial) {
			return e.Value
		}
	}
	return nil
}

// checkU2FStatement holds a fido-u2f statement against WebAuthn §8.6.
func (b *bench) checkU2FStatement(c credential) {
	b.Helper()
	cert := b.leaf(c)
	point := slices.Concat([]byte{4}, member[[]byte](b, c.key, -2), member[[]byte](b, c.key, -3))
	signed := slices.Concat([]byte{0}, c.data.rpIDHash, clientData, c.id, point)
	signature := member[[]byte](b, member[dict](b, c.body, 3), "sig")
	if err := cert.CheckSignature(x509.ECDSAWithSHA256, signed, signature); err != nil {
		b.Errorf("the statement does not verify under its certificate: %v", err)
	}
}
