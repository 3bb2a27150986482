package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-77d61853/signet/ctap"
)

var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUnit         = asn1.ObjectIdentifier{2, 5, 4, 11}

	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidAuthorityKeyID   = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}

	oidAAGUID         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4} // WebAuthn §8.2.1
	oidAppleNonce     = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}     // WebAuthn §8.8
	oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// Values of extensions, in DER.
var (
	notCA            = []byte{0x30, 0x00}
	isCA             = []byte{0x30, 0x03, 0x01, 0x01, 0xFF}
	isLastCA         = []byte{0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x00} // pathLen 0
	digitalSignature = []byte{0x03, 0x02, 0x07, 0x80}
	keyCertSign      = []byte{0x03, 0x02, 0x01, 0x06} // and cRLSign
)

const organization = "Signet"

// Attribute is one part of a name. The country is encoded as PrintableString, all
// others as UTF8String (WebAuthn §8.2.1).
type Attribute struct {
	ID    asn1.ObjectIdentifier
	Value string
}

// Name is a distinguished name with one attribute in each step.
type Name []Attribute

// attestationSubject is the subject that WebAuthn §8.2.1 wants.
func attestationSubject(commonName string) Name {
	return Name{{oidCountry, "SE"}, {oidOrganization, organization}, {oidUnit, "Authenticator Attestation"}, {oidCommonName, commonName}}
}

// Certificate is an X.509 certificate that is about to be signed.
type Certificate struct {
	Version         int // 3; 1 has no extensions
	Issuer, Subject Name
	NotBefore       time.Time
	NotAfter        time.Time
	PublicKey       crypto.PublicKey
	Extensions      []pkix.Extension

	key crypto.Signer // of PublicKey; nil if it is the credential's
	d   *draft        // nil but in leaf and intermediate of a statement
	err error
}

// SetExtension gives an extension a new value in its place, or adds it.
func (c *Certificate) SetExtension(id asn1.ObjectIdentifier, critical bool, value []byte) {
	e := pkix.Extension{Id: id, Critical: critical, Value: bytes.Clone(value)}
	if i := c.extension(id); i >= 0 {
		c.Extensions[i] = e
		return
	}
	c.Extensions = append(c.Extensions, e)
}

// RemoveExtension removes an extension, if it is there.
func (c *Certificate) RemoveExtension(id asn1.ObjectIdentifier) {
	c.Extensions = slices.DeleteFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(id) })
}

func (c *Certificate) extension(id asn1.ObjectIdentifier) int {
	return slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(id) })
}

// setKey gives the certificate another key, which then also signs.
func (c *Certificate) setKey(key crypto.Signer) {
	c.key, c.PublicKey = key, key.Public()
	c.fail(c.identify())
}

// fail keeps the first error of an edit until the certificate is signed.
func (c *Certificate) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// identify puts the identifier of the certificate's key in.
func (c *Certificate) identify() error {
	id, err := keyID(c.PublicKey)
	if err != nil {
		return err
	}
	value, err := octets(id)
	c.SetExtension(oidSubjectKeyID, false, value)
	return err
}

// issuer signs certificates. All have P-256 keys.
type issuer struct {
	name Name
	key  *ecdsa.PrivateKey
}

// certificate is the frame of a certificate that the issuer signs.
func (i issuer) certificate(subject Name, pub crypto.PublicKey, constraints, usage []byte) (*Certificate, error) {
	c := &Certificate{Version: 3, Subject: slices.Clone(subject), NotBefore: validFrom, NotAfter: validUntil, PublicKey: pub}
	c.SetExtension(oidBasicConstraints, true, constraints)
	c.SetExtension(oidKeyUsage, true, usage)
	if err := c.identify(); err != nil {
		return nil, err
	}
	return c, c.issuedBy(i)
}

// sign encodes a certificate and signs it.
func (i issuer) sign(c *Certificate) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	tbs, err := c.tbs()
	if err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	sig, err := signer(i.key, ctap.ES256)(tbs)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		addAlgorithm(b)
		b.AddASN1BitString(sig)
	})
	return b.Bytes()
}

// tbs encodes what the issuer signs (RFC 5280 §4.1). The serial number is made of
// the rest, so that two certificates never share one.
func (c *Certificate) tbs() ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(c.PublicKey)
	if err != nil {
		return nil, err
	}
	encode := func(serial []byte) ([]byte, error) {
		var b cryptobyte.Builder
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if c.Version > 1 {
				b.AddASN1(cryptobyte_asn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
					b.AddASN1Int64(int64(c.Version - 1))
				})
			}
			b.AddASN1(cryptobyte_asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
			addAlgorithm(b)
			c.Issuer.add(b)
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addTime(b, c.NotBefore)
				addTime(b, c.NotAfter)
			})
			c.Subject.add(b)
			b.AddBytes(spki)
			if c.Version > 2 && len(c.Extensions) > 0 {
				c.addExtensions(b)
			}
		})
		return b.Bytes()
	}
	rest, err := encode(nil)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(rest)
	serial := digest[:16]
	serial[0] = serial[0]&0x7F | 0x40 // positive, and of 16 bytes
	return encode(serial)
}

func (c *Certificate) addExtensions(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.Tag(3).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, e := range c.Extensions {
				b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(e.Id)
					if e.Critical {
						b.AddASN1Boolean(true)
					}
					b.AddASN1OctetString(e.Value)
				})
			}
		})
	})
}

func (n Name) add(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range n {
			b.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) { a.add(b) })
		}
	})
}

func (a Attribute) add(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(a.ID)
		tag := cryptobyte_asn1.UTF8String
		if a.ID.Equal(oidCountry) {
			tag = cryptobyte_asn1.PrintableString
		}
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.Value)) })
	})
}

// addTime adds a date as RFC 5280 §4.1.2.5 wants it.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}

func addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECDSAWithSHA256) })
}

// keyID is a key's identifier (RFC 5280 §4.2.1.2, method 1), which metadata names
// certificates by.
func keyID(pub crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	id := sha1.Sum(info.Key.Bytes)
	return id[:], nil
}

// octets encodes an OCTET STRING.
func octets(b []byte) ([]byte, error) { return asn1.Marshal(b) }

// encodePEM gives certificates as PEM.
func encodePEM(certificates ...[]byte) []byte {
	var out []byte
	for _, der := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

// issuedBy puts an issuer's name and key in.
func (c *Certificate) issuedBy(i issuer) error {
	id, err := keyID(i.key.Public())
	if err != nil {
		return err
	}
	value, err := asn1.Marshal(struct {
		ID []byte `asn1:"tag:0"`
	}{id})
	c.Issuer = slices.Clone(i.name)
	c.SetExtension(oidAuthorityKeyID, false, value)
	return err
}
