package explain

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strconv"
	"time"
)

// certificateNode takes a certificate apart; nil where it is none.
func certificateNode(der []byte) *node {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return refusedNode(der, err)
	}
	n := &node{raw: der}
	n.add(leaf("version", strconv.Itoa(c.Version)), leaf("serialNumber", c.SerialNumber.String()),
		rawLeaf("issuer", c.Issuer.String(), c.RawIssuer),
		leaf("notBefore", c.NotBefore.Format(time.DateOnly)), leaf("notAfter", c.NotAfter.Format(time.DateOnly)),
		rawLeaf("subject", c.Subject.String(), c.RawSubject),
		bytesLeaf("publicKey", c.RawSubjectPublicKeyInfo), extensionsNode(c.Extensions),
		leaf("signatureAlgorithm", c.SignatureAlgorithm.String()), bytesLeaf("signature", c.Signature))
	return n
}

func rawLeaf(name, value string, raw []byte) *node { return &node{name: name, raw: raw, value: value} }

// certificate is RFC 5280 §4.1.
type certificate struct {
	TBS struct {
		Version      int `asn1:"optional,explicit,default:0,tag:0"`
		SerialNumber *big.Int
		Algorithm    pkix.AlgorithmIdentifier
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter time.Time }
		Subject      asn1.RawValue
		PublicKey    asn1.RawValue
		IssuerID     asn1.BitString   `asn1:"optional,tag:1"`
		SubjectID    asn1.BitString   `asn1:"optional,tag:2"`
		Extensions   []pkix.Extension `asn1:"optional,explicit,tag:3"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// refusedNode takes a certificate apart that crypto/x509 refuses, as for one
// extension that is malformed; nil where it is none at all.
func refusedNode(der []byte, why error) *node {
	var c certificate
	if rest, err := asn1.Unmarshal(der, &c); err != nil || len(rest) > 0 {
		return nil
	}
	n := &node{raw: der, note: why.Error()}
	n.add(leaf("version", strconv.Itoa(c.TBS.Version+1)), leaf("serialNumber", c.TBS.SerialNumber.String()),
		refusedName("issuer", c.TBS.Issuer),
		leaf("notBefore", c.TBS.Validity.NotBefore.Format(time.DateOnly)), leaf("notAfter", c.TBS.Validity.NotAfter.Format(time.DateOnly)),
		refusedName("subject", c.TBS.Subject),
		bytesLeaf("publicKey", c.TBS.PublicKey.FullBytes), extensionsNode(c.TBS.Extensions),
		leaf("signatureAlgorithm", refusedAlgorithm(c.Algorithm.Algorithm)), bytesLeaf("signature", c.Signature.RightAlign()))
	return n
}

func refusedName(name string, v asn1.RawValue) *node {
	n := bytesLeaf(name, v.FullBytes)
	n.replace(directoryNode(v.FullBytes))
	return n
}

// refusedAlgorithms are those of attestation, to be called as in certificates that are
// not refused (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3).
var refusedAlgorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.10045.4.3.2": x509.ECDSAWithSHA256, "1.2.840.10045.4.3.3": x509.ECDSAWithSHA384, "1.2.840.10045.4.3.4": x509.ECDSAWithSHA512,
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA, "1.2.840.113549.1.1.12": x509.SHA384WithRSA, "1.2.840.113549.1.1.13": x509.SHA512WithRSA,
	"1.3.101.112": x509.PureEd25519,
}

func refusedAlgorithm(id asn1.ObjectIdentifier) string {
	if a, ok := refusedAlgorithms[id.String()]; ok {
		return a.String()
	}
	return id.String()
}
