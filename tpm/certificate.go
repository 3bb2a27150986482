package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// What WebAuthn §8.3.1 asks of an attestation key's certificate; the numbers
// are the TCG's.
var (
	oidManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
	oidAIK          = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
	oidSAN          = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// certify makes the chain of an attestation key: its certificate, then the
// root's. The dates are the same everywhere and tell nothing.
func certify(pub crypto.PublicKey, id identity, root *ecdsa.PrivateKey) ([][]byte, error) {
	issuer := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Signet TPM attestation, one installation"},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, issuer, issuer, root.Public(), root)
	if err != nil {
		return nil, fmt.Errorf("certify the installation: %w", err)
	}
	san, err := subjectAltName(id)
	if err != nil {
		return nil, fmt.Errorf("certify the attestation key: %w", err)
	}
	subject := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             issuer.NotBefore,
		NotAfter:              issuer.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{oidAIK},
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{{Id: oidSAN, Critical: true, Value: san}},
	}
	der, err := x509.CreateCertificate(rand.Reader, subject, issuer, pub, root)
	if err != nil {
		return nil, fmt.Errorf("certify the attestation key: %w", err)
	}
	return [][]byte{der, rootDER}, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// subjectAltName names the chip: a sequence of one directory name.
func subjectAltName(id identity) ([]byte, error) {
	name, err := asn1.Marshal(pkix.RDNSequence{{
		{Type: oidManufacturer, Value: fmt.Sprintf("id:%08X", id.manufacturer)},
		{Type: oidModel, Value: id.model},
		{Type: oidVersion, Value: fmt.Sprintf("id:%08X", uint32(id.firmware>>32))},
	}})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
}
