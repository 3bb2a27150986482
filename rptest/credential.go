package rptest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Credential is a passkey with its private key, under the field names of
// WebDriver's virtual authenticators (WebAuthn §11).
type Credential struct {
	CredentialID         Bytes  `json:"credentialId"`
	IsResidentCredential bool   `json:"isResidentCredential"`
	RPID                 string `json:"rpId"`
	PrivateKey           Bytes  `json:"privateKey"` // PKCS #8
	UserHandle           Bytes  `json:"userHandle,omitempty"`
	// SignCount is what the last answer said; nil: the device does not count.
	SignCount         *uint32 `json:"signCount"`
	BackupEligibility *bool   `json:"backupEligibility,omitempty"` // nil, at Add: as the device's
	BackupState       *bool   `json:"backupState,omitempty"`
	UserName          string  `json:"userName,omitempty"`
	UserDisplayName   string  `json:"userDisplayName,omitempty"`
	LargeBlob         Bytes   `json:"largeBlob,omitzero"` // nil: none is written
}

// asOwner runs f as the device's owner.
func (d *Device) asOwner(ctx context.Context, f func(*authenticator.Owner) error) error {
	return d.engine.AsOwner(ctx, []byte(rightPIN), f)
}

// Credentials lists the device's passkeys, the newest first.
func (d *Device) Credentials(ctx context.Context) ([]Credential, error) {
	var all []Credential
	err := d.asOwner(ctx, func(o *authenticator.Owner) error {
		var ids [][]byte
		err := o.Passkeys(ctx, func(p authenticator.Passkey) error {
			ids = append(ids, p.ID)
			return nil
		})
		if err != nil {
			return err
		}
		blobs, err := d.readLargeBlobs(ctx, o)
		if err != nil {
			return err
		}
		for _, id := range ids {
			c, err := d.credential(ctx, o, id, blobs)
			if errors.Is(err, fs.ErrNotExist) { // it went meanwhile
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	return all, nil
}

// Credential gives one of the device's passkeys: fs.ErrNotExist where there is
// none of this ID.
func (d *Device) Credential(ctx context.Context, credentialID []byte) (c Credential, err error) {
	err = d.asOwner(ctx, func(o *authenticator.Owner) error {
		blobs, err := d.readLargeBlobs(ctx, o)
		if err != nil {
			return err
		}
		c, err = d.credential(ctx, o, d.engines(credentialID), blobs)
		return err
	})
	if err != nil {
		return Credential{}, fmt.Errorf("credential %x: %w", credentialID, err)
	}
	return c, nil
}

func (d *Device) credential(ctx context.Context, o *authenticator.Owner, id []byte, blobs *client.LargeBlobArray) (Credential, error) {
	s, err := o.Source(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	pkcs8, err := encodePrivate(s.Algorithm, s.Private)
	if err != nil {
		return Credential{}, err
	}
	c := Credential{
		CredentialID: d.external(id), IsResidentCredential: s.Discoverable, RPID: s.RPID, PrivateKey: pkcs8,
		UserHandle: s.Account.ID, UserName: s.Account.Name, UserDisplayName: s.Account.DisplayName,
		LargeBlob: largeBlob(s, blobs),
	}
	says := d.says(id)
	c.BackupEligibility, c.BackupState = yes(says.eligible), yes(says.backedUp)
	if says.step != 0 || says.last != 0 {
		c.SignCount = &says.last
	}
	return c, nil
}

// Add puts a passkey on the device that was made elsewhere. ES256, ES384, ES512,
// ES256K, EdDSA and RS256 keys are taken. fs.ErrExist where the device has one of the
// ID, or a discoverable one of the site and user: it keeps that. Where the device
// lacks what the passkey needs, or has no room for its large blob, nothing is stored.
func (d *Device) Add(ctx context.Context, c Credential) error {
	if err := d.add(ctx, c); err != nil {
		return fmt.Errorf("add credential: %w", err)
	}
	return nil
}

// check refuses a passkey that no device can keep, or this one cannot.
func (d *Device) check(c Credential) error {
	switch {
	case len(c.CredentialID) == 0 || len(c.CredentialID) > ctap.MaxCredentialIDLength:
		return fmt.Errorf("credentialId has %d bytes, and has to have 1 to %d", len(c.CredentialID), ctap.MaxCredentialIDLength)
	case c.RPID == "":
		return fmt.Errorf("rpId is empty")
	case c.IsResidentCredential && d.config.NoDiscoverable:
		return fmt.Errorf("the device keeps no resident credentials")
	case c.IsResidentCredential && len(c.UserHandle) == 0:
		return fmt.Errorf("a resident credential has to have a userHandle")
	case len(c.UserHandle) > ctap.MaxUserIDLength:
		return fmt.Errorf("userHandle has %d bytes, and may have %d", len(c.UserHandle), ctap.MaxUserIDLength)
	}
	return nil
}

func (d *Device) add(ctx context.Context, c Credential) error {
	if err := d.check(c); err != nil {
		return err
	}
	claims, err := d.config.claims().with(Properties{
		BackupEligibility: c.BackupEligibility, BackupState: c.BackupState, SignCount: c.SignCount, NoCounter: c.SignCount == nil,
	})
	if err != nil {
		return err
	}
	s, err := d.imported(ctx, c)
	if err != nil {
		return err
	}
	if err := d.store(ctx, s, c.LargeBlob); err != nil {
		return err
	}
	if len(c.CredentialID) != engineIDLength {
		d.alias(c.CredentialID)
	}
	d.say(s.ID, claims)
	return nil
}

// imported is a passkey as the engine takes it.
func (d *Device) imported(ctx context.Context, c Credential) (*authenticator.Source, error) {
	alg, private, public, err := decodePrivate(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	s := &authenticator.Source{Passkey: authenticator.Passkey{
		ID: c.CredentialID, RPID: c.RPID, Algorithm: alg, Discoverable: c.IsResidentCredential, CredProtect: 1,
		Account: authenticator.Account{ID: c.UserHandle, Name: c.UserName, DisplayName: c.UserDisplayName},
		Created: d.config.Now(),
	}, Private: private}
	if s.PublicKey, err = ctap.MarshalPublicKey(alg, public); err != nil {
		return nil, err
	}
	if len(c.CredentialID) != engineIDLength {
		s.ID = engineID(c.CredentialID)
	}
	for label, to := range map[string]*[32]byte{"imported": &s.WithoutUV, "imported, verified": &s.WithUV} {
		if *to, err = d.root.Derive(ctx, label, s.ID, keystore.Ungated); err != nil {
			return nil, err
		}
	}
	return s, d.equip(ctx, s, c)
}

// store keeps a passkey, and its large blob where that goes into the array.
func (d *Device) store(ctx context.Context, s *authenticator.Source, blob []byte) error {
	record, err := s.Record()
	if err != nil {
		return err
	}
	return d.asOwner(ctx, func(o *authenticator.Owner) error {
		imported, err := o.Import(ctx, [][]byte{record})
		if err != nil {
			return err
		}
		if imported[0].Outcome != authenticator.Added {
			return fmt.Errorf("the device has one of this ID, or of this site and user: %w", fs.ErrExist)
		}
		if err := putLargeBlob(ctx, o, s.LargeBlobKey, blob); err != nil {
			return errors.Join(err, o.Delete(context.WithoutCancel(ctx), s.ID))
		}
		return nil
	})
}

// Remove deletes a passkey: fs.ErrNotExist where there is none.
func (d *Device) Remove(ctx context.Context, credentialID []byte) error {
	id := d.engines(credentialID)
	err := d.asOwner(ctx, func(o *authenticator.Owner) error {
		s, err := o.Source(ctx, id)
		if err != nil {
			return err
		}
		if err := dropLargeBlob(ctx, o, s.LargeBlobKey); err != nil {
			return err
		}
		return o.Delete(ctx, id)
	})
	if err != nil {
		return fmt.Errorf("remove credential %x: %w", credentialID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.properties, string(id))
	return nil
}
