package authenticator

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Extensions of attestation certificates (WebAuthn §8.2.1, §8.2.2).
var (
	oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}
	oidSerial = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2}
)

// Certificates are valid between fixed dates: a date of issue would tell sites
// when the installation or the credential was made.
var (
	validFrom  = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2064, 1, 1, 0, 0, 0, 0, time.UTC)
)

// onceKey signs for one credential's attestation and is dropped.
type onceKey struct{ *ecdsa.PrivateKey }

func (a *Authenticator) newOnceKey(credentialID []byte) (onceKey, error) {
	if a.random.seed == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return onceKey{key}, err
	}
	for {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), a.random.bytes(32, "attestation key", credentialID))
		if err == nil {
			return onceKey{key}, nil
		}
		// One scalar in 2^32 is out of range; the next draw differs.
	}
}

// sign signs the parts, joined; deterministically, so that seeded devices give
// the same bytes again.
func (k onceKey) sign(parts ...[]byte) ([]byte, error) {
	digest := sum(parts...)
	return k.PrivateKey.Sign(nil, digest[:], crypto.SHA256)
}

// Sign makes x509's own signatures deterministic, too.
func (k onceKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, opts)
}

// certificateFor says what an attestation certificate is to hold.
type certificateFor struct {
	aaguid bool   // the model, for packed
	serial []byte // this very unit, for enterprises only; nil: not said
}

// certify makes an attestation certificate for a public key (WebAuthn §8.2.1).
// Without an issuer it is signed by its own key.
func (a *Authenticator) certify(kind certificateFor, pub crypto.PublicKey, parent *x509.Certificate, signer crypto.Signer) ([]byte, error) {
	template := &x509.Certificate{
		Version:      3,
		SerialNumber: new(big.Int).SetBytes(a.serialNumber(pub)),
		Subject: pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Signet"},
			OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Signet passkey device",
		},
		NotBefore: validFrom, NotAfter: validUntil,
		BasicConstraintsValid: true,
	}
	if kind.aaguid {
		if err := addExtension(template, oidAAGUID, a.profile.AAGUID[:]); err != nil {
			return nil, err
		}
	}
	if kind.serial != nil {
		if err := addExtension(template, oidSerial, kind.serial); err != nil {
			return nil, err
		}
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, signer)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return der, nil
}

// serialNumber draws 16 bytes, positive and not zero. They depend on the key, so
// that a seeded device draws the same whatever else it does.
func (a *Authenticator) serialNumber(pub crypto.PublicKey) []byte {
	var point []byte
	if key, ok := pub.(*ecdsa.PublicKey); ok {
		point, _ = key.Bytes() // a key of ours; at worst the serial depends on less
	}
	b := a.random.bytes(16, "certificate serial", point)
	b[0] = b[0]&0x7F | 0x40
	return b
}

func addExtension(c *x509.Certificate, id asn1.ObjectIdentifier, octets []byte) error {
	value, err := asn1.Marshal(octets)
	if err != nil {
		return fmt.Errorf("certificate extension %v: %w", id, err)
	}
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Value: value})
	return nil
}

// issuer is the installation's attestation root: it survives resets.
type issuer struct {
	Handle      []byte `cbor:"1,keyasint"`
	Certificate []byte `cbor:"2,keyasint"` // DER
}

var issuerBinding = []byte("attestation root")

// AttestationRoot returns the certificate (DER) of the root that this
// installation's attestation chains lead to, made when first wanted.
func (a *Authenticator) AttestationRoot(ctx context.Context) ([]byte, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.makeIssuer(ctx); err != nil {
		return nil, err
	}
	return a.state.Issuer.Certificate, nil
}

// AttestationRoots returns AttestationRoot, and behind it, where a chip attests
// in the format tpm, the certificate (DER) that its statements lead to.
func (a *Authenticator) AttestationRoots(ctx context.Context) ([][]byte, error) {
	own, err := a.AttestationRoot(ctx)
	if err != nil {
		return nil, err
	}
	root, ok := a.root.(keystore.AttestationIssuer)
	if !ok {
		return [][]byte{own}, nil
	}
	chip, err := root.AttestationRoot(ctx)
	if err != nil {
		return nil, err
	}
	return [][]byte{own, chip}, nil
}

func (a *Authenticator) makeIssuer(ctx context.Context) error {
	if a.state.Issuer != nil {
		return nil
	}
	handle, key, err := a.root.Create(ctx, ctap.ES256, issuerBinding, keystore.Installation)
	if err != nil {
		return fmt.Errorf("create attestation root: %w", err)
	}
	defer key.Close()
	template := &x509.Certificate{
		Version:      3,
		SerialNumber: new(big.Int).SetBytes(a.serialNumber(key.Public())),
		Subject: pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Signet"}, CommonName: "Signet installation root",
		},
		NotBefore: validFrom, NotAfter: validUntil,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), keystore.Signer(ctx, key))
	if err != nil {
		return fmt.Errorf("certify attestation root: %w", err)
	}
	return a.change(ctx, func(s *state) { s.Issuer = &issuer{Handle: handle, Certificate: der} })
}

// issue certifies a public key by the installation's root.
func (a *Authenticator) issue(ctx context.Context, kind certificateFor, pub crypto.PublicKey) ([]byte, error) {
	if err := a.makeIssuer(ctx); err != nil {
		return nil, err
	}
	parent, err := x509.ParseCertificate(a.state.Issuer.Certificate)
	if err != nil {
		return nil, fmt.Errorf("attestation root: %w", err)
	}
	key, err := a.root.Open(ctx, a.state.Issuer.Handle, issuerBinding)
	if err != nil {
		return nil, fmt.Errorf("open attestation root: %w", err)
	}
	defer key.Close()
	return a.certify(kind, pub, parent, keystore.Signer(ctx, key))
}
