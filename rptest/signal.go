package rptest

import (
	"context"
	"slices"

	"github.com/seed-77d61853/signet/authenticator"
)

// SignalUnknownCredential is PublicKeyCredential.signalUnknownCredential
// (WebAuthn §5.1.10): the device forgets a passkey that a site does not know.
func (d *Device) SignalUnknownCredential(ctx context.Context, rpID string, credentialID []byte) error {
	return d.forget(ctx, func(c Credential) bool {
		return c.RPID == rpID && slices.Equal(c.CredentialID, credentialID)
	})
}

// SignalAllAcceptedCredentials is PublicKeyCredential.signalAllAcceptedCredentials
// (WebAuthn §5.1.10): of a user's passkeys at a site the device forgets those that
// are not listed.
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

// SignalCurrentUserDetails is PublicKeyCredential.signalCurrentUserDetails
// (WebAuthn §5.1.10): the device shows a user's new names.
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
