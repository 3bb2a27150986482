package rptest

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/authenticator"
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
}

// asOwner runs f as the device's owner.
func (d *Device) asOwner(ctx context.Context, f func(*authenticator.Owner) error) error {
	return d.engine.AsOwner(ctx, []byte(rightPIN), f)
}

// Credentials lists the device's passkeys, the newest first.
func (d *Device) Credentials(ctx context.Context) ([]Credential, error) {
	var all []Credential
	err := d.asOwner(ctx, func(o *authenticator.Owner) error {
		return o.Passkeys(ctx, func(p authenticator.Passkey) error {
			c, err := d.credential(ctx, p)
			all = append(all, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	return all, nil
}

func (d *Device) credential(ctx context.Context, p authenticator.Passkey) (Credential, error) {
	alg, private, err := d.root.private(ctx, p.ID)
	if err != nil {
		return Credential{}, err
	}
	pkcs8, err := encodePrivate(alg, private)
	if err != nil {
		return Credential{}, err
	}
	c := Credential{
		CredentialID: d.external(p.ID), IsResidentCredential: p.Discoverable, RPID: p.RPID, PrivateKey: pkcs8,
		UserHandle: p.Account.ID, UserName: p.Account.Name, UserDisplayName: p.Account.DisplayName,
	}
	says := d.says(p.ID)
	c.BackupEligibility, c.BackupState = yes(says.eligible), yes(says.backedUp)
	if says.step != 0 || says.last != 0 {
		c.SignCount = &says.last
	}
	return c, nil
}

// Add puts a passkey on the device that was made elsewhere. ES256, ES384, ES512,
// EdDSA and RS256 keys are taken. fs.ErrExist where the device has one of the ID,
// or a discoverable one of the site and user: it keeps that.
func (d *Device) Add(ctx context.Context, c Credential) error {
	if err := d.add(ctx, c); err != nil {
		return fmt.Errorf("add credential: %w", err)
	}
	return nil
}

func (d *Device) add(ctx context.Context, c Credential) error {
	switch {
	case len(c.CredentialID) == 0 || len(c.CredentialID) > ctap.MaxCredentialIDLength:
		return fmt.Errorf("credentialId has %d bytes, and has to have 1 to %d", len(c.CredentialID), ctap.MaxCredentialIDLength)
	case c.RPID == "":
		return fmt.Errorf("rpId is empty")
	case c.IsResidentCredential && len(c.UserHandle) == 0:
		return fmt.Errorf("a resident credential has to have a userHandle")
	case len(c.UserHandle) > ctap.MaxUserIDLength:
		return fmt.Errorf("userHandle has %d bytes, and may have %d", len(c.UserHandle), ctap.MaxUserIDLength)
	}
	alg, private, public, err := decodePrivate(c.PrivateKey)
	if err != nil {
		return err
	}
	s := authenticator.Source{Passkey: authenticator.Passkey{
		ID: c.CredentialID, RPID: c.RPID, Algorithm: alg, Discoverable: c.IsResidentCredential, CredProtect: 1,
		Account: authenticator.Account{ID: c.UserHandle, Name: c.UserName, DisplayName: c.UserDisplayName},
		Created: d.config.Now(),
	}, Private: private}
	if s.PublicKey, err = ctap.MarshalPublicKey(alg, public); err != nil {
		return err
	}
	if len(c.CredentialID) != engineIDLength {
		s.ID = engineID(c.CredentialID)
	}
	for label, to := range map[string]*[32]byte{"imported": &s.WithoutUV, "imported, verified": &s.WithUV} {
		if *to, err = d.root.Derive(ctx, label, s.ID, keystore.Ungated); err != nil {
			return err
		}
	}
	record, err := s.Record()
	if err != nil {
		return err
	}
	err = d.asOwner(ctx, func(o *authenticator.Owner) error {
		imported, err := o.Import(ctx, [][]byte{record})
		if err == nil && imported[0].Outcome != authenticator.Added {
			err = fmt.Errorf("the device has one of this ID, or of this site and user: %w", fs.ErrExist)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(c.CredentialID) != engineIDLength {
		d.alias(c.CredentialID)
	}
	d.say(s.ID, c)
	return nil
}

// Remove deletes a passkey: fs.ErrNotExist where there is none.
func (d *Device) Remove(ctx context.Context, credentialID []byte) error {
	id := d.engines(credentialID)
	err := d.asOwner(ctx, func(o *authenticator.Owner) error { return o.Delete(ctx, id) })
	if err != nil {
		return fmt.Errorf("remove credential %x: %w", credentialID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.properties, string(id))
	return nil
}

// Properties are what may be changed of a passkey; nil leaves things as they are.
type Properties struct {
	BackupEligibility *bool `json:"backupEligibility,omitempty"`
	BackupState       *bool `json:"backupState,omitempty"`
	// SignCount is what the next answer counts on from.
	SignCount *uint32 `json:"signCount,omitempty"`
}

// SetProperties changes what the device says of a passkey: fs.ErrNotExist where
// there is none.
func (d *Device) SetProperties(ctx context.Context, credentialID []byte, p Properties) error {
	all, err := d.Credentials(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c Credential) bool { return slices.Equal(c.CredentialID, credentialID) })
	if i < 0 {
		return fmt.Errorf("credential %x: %w", credentialID, fs.ErrNotExist)
	}
	c := all[i]
	if p.BackupEligibility != nil {
		c.BackupEligibility = p.BackupEligibility
	}
	if p.BackupState != nil {
		c.BackupState = p.BackupState
	}
	if p.SignCount != nil {
		c.SignCount = p.SignCount
	}
	d.say(d.engines(credentialID), c)
	return nil
}

// SignalUnknownCredential is PublicKeyCredential.signalUnknownCredential
// (WebAuthn §5.1.10): the device forgets a passkey that a site does not know.
func (d *Device) SignalUnknownCredential(ctx context.Context, rpID string, credentialID []byte) error {
	return d.forget(ctx, func(c Credential) bool {
		return c.RPID == rpID && slices.Equal(c.CredentialID, credentialID)
	})
}

// SignalAllAcceptedCredentials is its sibling: of a user's passkeys the device
// forgets those that are not listed.
func (d *Device) SignalAllAcceptedCredentials(ctx context.Context, rpID string, userID []byte, accepted [][]byte) error {
	return d.forget(ctx, func(c Credential) bool {
		return c.RPID == rpID && slices.Equal(c.UserHandle, userID) &&
			!slices.ContainsFunc(accepted, func(id []byte) bool { return slices.Equal(c.CredentialID, id) })
	})
}

func (d *Device) forget(ctx context.Context, which func(Credential) bool) error {
	all, err := d.Credentials(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if which(c) {
			if err := d.Remove(ctx, c.CredentialID); err != nil {
				return err
			}
		}
	}
	return nil
}

// SignalCurrentUserDetails is its other sibling: the device shows a user's new
// names.
func (d *Device) SignalCurrentUserDetails(ctx context.Context, rpID string, userID []byte, name, displayName string) error {
	var ids [][]byte
	return d.asOwner(ctx, func(o *authenticator.Owner) error {
		err := o.Passkeys(ctx, func(p authenticator.Passkey) error {
			if p.RPID == rpID && slices.Equal(p.Account.ID, userID) {
				ids = append(ids, p.ID)
			}
			return nil
		})
		for _, id := range ids {
			if err == nil {
				err = o.Rename(ctx, id, name, displayName)
			}
		}
		return err
	})
}
