package authenticator

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// A Source is all of a passkey (WebAuthn §4, public key credential source). Whoever
// has it can use the passkey.
type Source struct {
	// Passkey's RPID, ID, Account, Algorithm, PublicKey and CredProtect are
	// required; InChip, Copyable, LastUsed and Restriction are ignored.
	Passkey
	// Private is the private key as keystore.Exporter gives it.
	Private []byte
	// WithoutUV and WithUV are what hmac-secret evaluates, without and with the
	// person verified.
	WithoutUV, WithUV [32]byte
	// LargeBlobKey is extension largeBlobKey's, of 32 bytes (§12.3); nil: none.
	LargeBlobKey []byte
	// LargeBlob is what extension largeBlob keeps; nil: nothing.
	LargeBlob *LargeBlob
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
			Discoverable: s.Discoverable, CredProtect: s.CredProtect, LargeBlobKey: s.LargeBlobKey,
		},
		Private:   s.Private,
		WithoutUV: s.WithoutUV[:], WithUV: s.WithUV[:],
		LargeBlob: s.LargeBlob,
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

// Source gives all of one passkey, which stays on the device: fs.ErrNotExist where
// there is none of this ID, and the errors of Export.
func (o *Owner) Source(ctx context.Context, id []byte) (*Source, error) {
	if err := o.mayCopy(); err != nil {
		return nil, err
	}
	o.a.turn.Lock()
	defer o.a.turn.Unlock()
	passkey, p, err := o.exportOne(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Source{
		Passkey: passkey, Private: p.Private,
		WithoutUV: [32]byte(p.WithoutUV), WithUV: [32]byte(p.WithUV),
		LargeBlobKey: p.Credential.LargeBlobKey, LargeBlob: p.LargeBlob,
	}, nil
}
