package rptest

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// enginesStatement tells whether the engine's own statement is the device's,
// where nothing of its data is changed.
func (d *Device) enginesStatement() bool {
	return d.config.Attestation == attest.None || d.config.Attestation == attest.PackedSelf
}

// statement makes the attestation statement of a new credential.
func (d *Device) statement(ctx context.Context, asked *ctap.MakeCredentialRequest, auth *ctap.AuthData, authData []byte) (string, ctap.RawMessage, error) {
	in, err := d.attestation(ctx, auth, authData, asked.ClientDataHash)
	if err != nil {
		return "", nil, err
	}
	unwanted := len(asked.AttestationFormats) > 0 && !slices.Contains(asked.AttestationFormats, in.Format.Identifier())
	switch {
	case slices.Equal(asked.AttestationFormats, []string{ctap.FormatNone}):
		in.Format = attest.None
	case !in.Format.Supports(in.Alg), unwanted && slices.Contains(asked.AttestationFormats, ctap.FormatPacked):
		in.Format = attest.PackedSelf
	}
	format, statement, err := d.Authority().Statement(in)
	if err != nil {
		return "", nil, fmt.Errorf("attest credential: %w", err)
	}
	return format, statement, nil
}

// attestation is what a statement on a new credential is about.
func (d *Device) attestation(ctx context.Context, auth *ctap.AuthData, authData, clientDataHash []byte) (attest.Input, error) {
	alg, public, err := d.root.public(ctx, d.engines(auth.CredentialID))
	if err != nil {
		return attest.Input{}, err
	}
	return attest.Input{
		Format:         d.config.Attestation,
		AuthData:       authData,
		ClientDataHash: clientDataHash,
		AAGUID:         auth.AAGUID,
		CredentialID:   auth.CredentialID,
		Alg:            alg,
		PublicKey:      public,
		Sign:           d.signer(ctx, auth.CredentialID),
	}, nil
}

// signer signs by a credential's key, whatever the message.
func (d *Device) signer(ctx context.Context, credentialID []byte) attest.Signer {
	return func(message []byte) ([]byte, error) { return d.root.sign(ctx, d.engines(credentialID), message) }
}
