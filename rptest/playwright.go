package rptest

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// PlaywrightCredential is a passkey under the field names of Playwright's
// browserContext.credentials: what its get gives, and create and a storage state
// take. Playwright knows ES256 keys that are discoverable, and nothing of backup.
type PlaywrightCredential struct {
	ID         Bytes  `json:"id"`
	RPID       string `json:"rpId"`
	UserHandle Bytes  `json:"userHandle"`
	PrivateKey Bytes  `json:"privateKey"` // PKCS #8
	PublicKey  Bytes  `json:"publicKey"`  // SubjectPublicKeyInfo
	SignCount  uint32 `json:"signCount"`
}

// Playwright gives a passkey under Playwright's names. The error tells of one that
// Playwright does not know, or of a private key that cannot be read.
func (c Credential) Playwright() (PlaywrightCredential, error) {
	alg, _, public, err := decodePrivate(c.PrivateKey)
	switch {
	case err != nil:
		return PlaywrightCredential{}, err
	case alg != ctap.ES256:
		return PlaywrightCredential{}, fmt.Errorf("Playwright knows no keys of %v", alg)
	case !c.IsResidentCredential:
		return PlaywrightCredential{}, errors.New("Playwright knows only resident credentials")
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return PlaywrightCredential{}, fmt.Errorf("encode public key: %w", err)
	}
	p := PlaywrightCredential{ID: c.CredentialID, RPID: c.RPID, UserHandle: c.UserHandle, PrivateKey: c.PrivateKey, PublicKey: spki}
	if c.SignCount != nil {
		p.SignCount = *c.SignCount
	}
	return p, nil
}

// Credential gives the passkey under WebDriver's names, for Device.Add. It counts as
// Playwright does, the next answer one more.
func (p PlaywrightCredential) Credential() Credential {
	count := p.SignCount
	return Credential{
		CredentialID: p.ID, IsResidentCredential: true, RPID: p.RPID, UserHandle: p.UserHandle,
		PrivateKey: p.PrivateKey, SignCount: &count,
	}
}
