package authenticator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A portable is a passkey outside of any root. Whoever has it can use it.
type portable struct {
	Version uint64 `cbor:"1,keyasint"`
	ID      []byte `cbor:"2,keyasint"`
	// Credential is without what is a root's.
	Credential credential `cbor:"3,keyasint"`
	Private    []byte     `cbor:"4,keyasint"` // as keystore.Exporter gives it
	WithoutUV  []byte     `cbor:"5,keyasint"` // the CredRandoms, 32 bytes each
	WithUV     []byte     `cbor:"6,keyasint"`
	LargeBlob  *LargeBlob `cbor:"7,keyasint,omitempty"`
}

// Bounds in bytes of what a passkey that came from elsewhere may hold; whatever a
// client can send is within them.
const (
	maxText    = 64 << 10
	maxPrivate = 64 << 10
)

// portableVersion is the newest layout that this program knows.
const portableVersion = 1

func (p *portable) wipe() {
	clear(p.Private)
	clear(p.WithoutUV)
	clear(p.WithUV)
}

// parsePortable decodes a record and checks what it says of itself:
// keystore.ErrNewerSchema, keystore.ErrCorrupt.
func parsePortable(record []byte) (*portable, error) {
	p := new(portable)
	err := ctap.Unmarshal(record, p)
	switch {
	case p.Version > portableVersion:
		return nil, fmt.Errorf("passkey of layout %d: %w", p.Version, keystore.ErrNewerSchema)
	case err == nil:
		err = p.check()
	}
	if err != nil {
		p.wipe()
		return nil, fmt.Errorf("passkey: %w: %w", keystore.ErrCorrupt, err)
	}
	return p, nil
}

func (p *portable) check() error {
	c := &p.Credential
	siteHash := sum([]byte(c.RPID))
	switch {
	case p.Version != portableVersion:
		return fmt.Errorf("layout %d", p.Version)
	case len(p.ID) != credentialIDLength:
		return fmt.Errorf("ID of %d bytes", len(p.ID))
	case len(c.RPIDHash) != len(siteHash), c.RPID != "" && !bytes.Equal(c.RPIDHash, siteHash[:]):
		return errors.New("the rpIdHash is not the RP ID's")
	case len(p.WithoutUV) != 32 || len(p.WithUV) != 32:
		return errors.New("its hmac-secret keys are not 32 bytes")
	case len(p.Private) > maxPrivate || len(c.PublicKey) > maxPrivate:
		return errors.New("its key is too long")
	case len(c.RPID) > maxText || len(c.RPName) > maxText || len(c.UserName) > maxText || len(c.DisplayName) > maxText:
		return fmt.Errorf("a name of more than %d bytes", maxText)
	case len(c.UserID) > ctap.MaxUserIDLength:
		return fmt.Errorf("user ID of %d bytes", len(c.UserID))
	case c.Discoverable && (c.RPID == "" || len(c.UserID) == 0):
		return errors.New("discoverable without a site or an account")
	case len(c.CredBlob) > SecurityKey().MaxCredBlobLength:
		return fmt.Errorf("credBlob of %d bytes", len(c.CredBlob))
	case len(c.LargeBlobKey) != 0 && len(c.LargeBlobKey) != ctap.LargeBlobKeyLength:
		return fmt.Errorf("large blob key of %d bytes", len(c.LargeBlobKey))
	case p.LargeBlob != nil && len(p.LargeBlob.Data) > SecurityKey().MaxLargeBlobArray:
		return fmt.Errorf("large blob of %d bytes", len(p.LargeBlob.Data))
	case c.CredProtect < ctap.CredProtectOptional || c.CredProtect > ctap.CredProtectRequired:
		return fmt.Errorf("credProtect %d", c.CredProtect)
	}
	return nil
}

// export takes a credential out of the device. The gate is open.
func (a *Authenticator) export(ctx context.Context, c *credential) (p *portable, err error) {
	exporter, ok := a.root.(keystore.Exporter)
	if !ok {
		return nil, keystore.ErrInChip
	}
	p = &portable{Version: portableVersion, ID: c.ID, Credential: *c}
	defer func() {
		if err != nil {
			p.wipe()
			p, err = nil, fmt.Errorf("export passkey %x: %w", c.ID[:4], err)
		}
	}()
	p.Credential.Handle, p.Credential.WithoutUV, p.Credential.WithUV = []byte{}, nil, nil
	p.Credential.LastUsed = max(c.LastUsed, a.lastUse.at(c.ID))
	if _, p.Private, err = exporter.ExportKey(ctx, c.Handle, c.binding()); err != nil {
		return p, err
	}
	for _, r := range []struct {
		to *[]byte
		uv bool
	}{{&p.WithoutUV, false}, {&p.WithUV, true}} {
		random, err := a.credRandom(ctx, c, r.uv)
		if err != nil {
			return p, err
		}
		*r.to = random[:]
	}
	blob := new(LargeBlob)
	err = a.vault.View(ctx, func(tx keystore.Tx) error { return get(tx, largeBlobID(c.ID), blob) })
	switch {
	case err == nil:
		p.LargeBlob = blob
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	return p, err
}

// adopt makes a passkey one of a root's, whose gate is open. The vault does not
// know of it yet.
func adopt(ctx context.Context, root keystore.Root, p *portable) (*credential, error) {
	c := p.Credential
	c.ID = p.ID
	if err := c.adopt(ctx, root, p); err != nil {
		return nil, fmt.Errorf("take over passkey %x: %w", c.ID[:4], err)
	}
	return &c, nil
}

func (c *credential) adopt(ctx context.Context, root keystore.Root, p *portable) (err error) {
	importer, ok := root.(keystore.Importer)
	if !ok {
		return fmt.Errorf("the root takes no keys from elsewhere: %w", keystore.ErrUnsupported)
	}
	if c.Handle, err = importer.ImportKey(ctx, c.Alg, p.Private, c.binding(), c.protection()); err != nil {
		return err
	}
	// The passkey must be usable where it is now before it goes where it was.
	key, err := root.Open(ctx, c.Handle, c.binding())
	if err != nil {
		return err
	}
	defer key.Close()
	public, err := ctap.MarshalPublicKey(c.Alg, key.Public())
	if err != nil {
		return err
	}
	if !bytes.Equal(public, c.PublicKey) {
		return fmt.Errorf("%w: its private key is another one's", keystore.ErrCorrupt)
	}
	if c.WithoutUV, err = root.Seal(ctx, p.WithoutUV, credRandomBinding(labelWithoutUV, c.ID), keystore.Ungated); err != nil {
		return err
	}
	c.WithUV, err = root.Seal(ctx, p.WithUV, credRandomBinding(labelWithUV, c.ID), keystore.Gated)
	return err
}

// place puts an adopted passkey into the vault.
func (p *portable) place(tx keystore.Tx, s *state, c *credential) error {
	if p.LargeBlob != nil {
		if err := put(tx, largeBlobID(c.ID), p.LargeBlob); err != nil {
			return err
		}
	}
	return insert(tx, s, c)
}

// allIDs lists the credentials, oldest first.
func (a *Authenticator) allIDs(ctx context.Context) (ids [][]byte, err error) {
	err = a.vault.View(ctx, func(tx keystore.Tx) error {
		return tx.Scan(keystore.Index{Kind: listAll}, nil, func(r keystore.Record) error {
			ids = append(ids, r.ID)
			return nil
		})
	})
	slices.Reverse(ids)
	return ids, err
}
