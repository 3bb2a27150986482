package authenticator

import (
	"bytes"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// A Source is a passkey that was made elsewhere (WebAuthn §4, public key
// credential source).
type Source struct {
	// Passkey's RPID, ID, Account, Algorithm, PublicKey and CredProtect are
	// required; InChip, Copyable, LastUsed and Restriction are ignored.
	Passkey
	// Private is the private key as keystore.Exporter gives it.
	Private []byte
	// WithoutUV and WithUV are what hmac-secret evaluates, without and with the
	// person verified.
	WithoutUV, WithUV [32]byte
}

// Record is the source as Export gives passkeys and Import takes them; it is
// secret. The error tells of a member that no passkey can have.
func (s *Source) Record() ([]byte, error) {
	hash := sum([]byte(s.RPID))
	p := portable{
		Version: portableVersion,
		ID:      bytes.Clone(s.ID),
		Credential: credential{
			RPID: s.RPID, RPIDHash: hash[:], RPName: s.RPName,
			UserID: s.Account.ID, UserName: s.Account.Name, DisplayName: s.Account.DisplayName,
			Alg: s.Algorithm, PublicKey: s.PublicKey, Handle: []byte{},
			Discoverable: s.Discoverable, CredProtect: s.CredProtect,
		},
		Private:   s.Private,
		WithoutUV: s.WithoutUV[:], WithUV: s.WithUV[:],
	}
	if !s.Created.IsZero() {
		p.Credential.Created = s.Created.Unix()
	}
	if s.RPID == "" {
		return nil, fmt.Errorf("passkey without an RP ID: %w", ctap.ErrInvalidParameter)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("passkey: %w: %w", ctap.ErrInvalidParameter, err)
	}
	return ctap.Marshal(&p)
}
