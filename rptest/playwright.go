package rptest

import (
	"crypto/x509"
	"fmt"
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

// Playwright gives a passkey under Playwright's names. The error tells of a
// private key that cannot be read.
func (c Credential) Playwright() (PlaywrightCredential, error) {
	_, _, public, err := decodePrivate(c.PrivateKey)
	if err != nil {
		return PlaywrightCredential{}, err
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
