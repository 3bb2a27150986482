package pinuv

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// KeyAgreement is an authenticator's ephemeral P-256 key (§6.5.5.2). One may
// serve both protocols. It prints as [redacted].
type KeyAgreement struct {
	redacted
	priv *ecdh.PrivateKey
}

// NewKeyAgreement makes a fresh key.
func NewKeyAgreement() (*KeyAgreement, error) {
	priv, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w", err)
	}
	return &KeyAgreement{priv: priv}, nil
}

// ParseKeyAgreement takes the key from its scalar, 32 bytes big-endian.
func ParseKeyAgreement(scalar []byte) (*KeyAgreement, error) {
	priv, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w", err)
	}
	return &KeyAgreement{priv: priv}, nil
}

// Public returns the public key as the getKeyAgreement subcommand sends it.
func (k *KeyAgreement) Public() *ctap.KeyAgreementKey {
	return ctap.NewKeyAgreementKey(k.priv.PublicKey())
}

// Decapsulate derives the secret shared with the platform whose public key is
// peer. The error is ctap.ErrInvalidParameter for a key that is not a point on
// P-256 with coordinates of 32 bytes, and for an unknown protocol.
func (k *KeyAgreement) Decapsulate(p Protocol, peer *ctap.KeyAgreementKey) (*SharedSecret, error) {
	if peer == nil {
		return nil, fmt.Errorf("key agreement: no key: %w", ctap.ErrInvalidParameter)
	}
	pub, err := peer.ECDH()
	if err != nil {
		return nil, err
	}
	z, err := k.priv.ECDH(pub)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w: %w", ctap.ErrInvalidParameter, err)
	}
	defer clear(z)
	return NewSharedSecret(p, z)
}

// Encapsulate is the platform's side: it makes an ephemeral key, mine, to send
// along, and derives the secret shared with the authenticator whose public key
// is peer. Errors are those of Decapsulate.
func Encapsulate(p Protocol, peer *ctap.KeyAgreementKey) (mine *ctap.KeyAgreementKey, s *SharedSecret, err error) {
	k, err := NewKeyAgreement()
	if err != nil {
		return nil, nil, err
	}
	if s, err = k.Decapsulate(p, peer); err != nil {
		return nil, nil, err
	}
	return k.Public(), s, nil
}
