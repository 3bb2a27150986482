package authenticator

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// attestationWish is what a request says about its attestation.
type attestationWish struct {
	formats    []string // attestationFormatsPreference; nil: absent
	enterprise bool     // granted: the statement may identify this unit
}

// attestationFormats is getInfo's member: what the device can make besides none.
func (a *Authenticator) attestationFormats() []string {
	formats := []string{ctap.FormatPacked, ctap.FormatFIDOU2F}
	if _, ok := a.root.(keystore.Attester); ok {
		formats = append(formats, ctap.FormatTPM)
	}
	return formats
}

// attestsInChip tells whether the chip can make a statement on a new key.
func (a *Authenticator) attestsInChip(alg ctap.Algorithm) bool {
	_, ok := a.root.(keystore.Attester)
	return ok && a.inChip(alg)
}

// grantEnterprise decides on enterprise attestation (§6.1.2 step 9). Whether
// the device does it at all is judged before the value.
func (a *Authenticator) grantEnterprise(value *uint64, rpID string) (bool, error) {
	if value == nil {
		return false, nil
	}
	if a.profile.EnterpriseRPIDs == nil || !a.state.Enterprise {
		return false, ctap.ErrInvalidParameter
	}
	switch *value {
	case 1: // vendor-facilitated
		return slices.Contains(a.profile.EnterpriseRPIDs, rpID), nil
	case 2: // platform-managed
		return true, nil
	}
	return false, ctap.ErrInvalidOption
}

// form chooses the attestation's form (§6.1.2 step 19): the profile's, unless
// the client prefers a format that the device can make of this credential.
func (a *Authenticator) form(wish attestationWish, alg ctap.Algorithm) Attestation {
	if wish.enterprise {
		return PackedChain
	}
	form := a.profile.Attestation
	if form == FIDOU2F && alg != ctap.ES256 || form == TPM && !a.attestsInChip(alg) {
		form = PackedCertificate
	}
	if len(wish.formats) == 1 && wish.formats[0] == ctap.FormatNone {
		return NoAttestation
	}
	for _, format := range wish.formats {
		switch {
		case format == ctap.FormatPacked && (form == FIDOU2F || form == TPM || form == NoAttestation):
			return PackedCertificate
		case format == ctap.FormatPacked:
			return form
		case format == ctap.FormatFIDOU2F && alg == ctap.ES256:
			return FIDOU2F
		case format == ctap.FormatTPM && a.attestsInChip(alg):
			return TPM
		}
	}
	return form
}

// attest makes the attestation statement of a new credential and with it the
// reply (§6.1.2 step 19).
func (a *Authenticator) attest(ctx context.Context, c *credential, key keystore.Key, authData *ctap.AuthData, clientDataHash []byte, wish attestationWish) (*ctap.MakeCredentialResponse, error) {
	form := a.form(wish, c.Alg)
	reply := &ctap.MakeCredentialResponse{Fmt: ctap.FormatPacked, EpAtt: wish.enterprise}
	if form == FIDOU2F {
		authData.AAGUID = ctap.AAGUID{} // U2F has none (WebAuthn §8.6)
	}
	reply.AuthData = authData.Append(nil)

	var (
		statement any
		err       error
	)
	switch form {
	case NoAttestation:
		reply.Fmt, reply.AttStmt = ctap.FormatNone, ctap.EmptyMap()
		return reply, nil
	case PackedSelf:
		statement, err = packedSelf(ctx, key, c.Alg, reply.AuthData, clientDataHash)
	case PackedCertificate, PackedChain:
		statement, err = a.packedCertificate(ctx, c, form, reply.AuthData, clientDataHash, wish.enterprise)
	case TPM:
		reply.Fmt = ctap.FormatTPM
		statement, err = a.tpmStatement(ctx, key, reply.AuthData, clientDataHash)
	case FIDOU2F:
		reply.Fmt = ctap.FormatFIDOU2F
		statement, err = a.u2fStatement(c, clientDataHash)
	default:
		err = fmt.Errorf("unknown form %d", form)
	}
	if err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	reply.AttStmt, err = ctap.Marshal(statement)
	return reply, err
}

// packedSelf signs with the credential's own key (WebAuthn §8.2).
func packedSelf(ctx context.Context, key keystore.Key, alg ctap.Algorithm, authData, clientDataHash []byte) (*ctap.PackedStatement, error) {
	signature, err := sign(ctx, key, alg, authData, clientDataHash)
	if err != nil {
		return nil, err
	}
	return &ctap.PackedStatement{Alg: alg, Sig: signature}, nil
}

// packedCertificate signs with a key made for this one credential, certified by
// itself, or in a PackedChain by the installation's root; with the unit's serial
// number for an enterprise (WebAuthn §8.2, §8.2.1).
func (a *Authenticator) packedCertificate(ctx context.Context, c *credential, form Attestation, authData, clientDataHash []byte, enterprise bool) (*ctap.PackedStatement, error) {
	once, err := a.newOnceKey(c.ID)
	if err != nil {
		return nil, err
	}
	kind := certificateFor{aaguid: true}
	if enterprise {
		kind.serial = a.state.Serial[:]
	}
	var certificate []byte
	if form == PackedChain {
		certificate, err = a.issue(ctx, kind, once.Public())
	} else {
		certificate, err = a.certify(kind, once.Public(), nil, once)
	}
	if err != nil {
		return nil, err
	}
	signature, err := once.sign(authData, clientDataHash)
	if err != nil {
		return nil, err
	}
	return &ctap.PackedStatement{Alg: ctap.ES256, Sig: signature, X5C: []ctap.Bytes{certificate}}, nil
}

// tpmStatement has the chip certify the key (WebAuthn §8.3).
func (a *Authenticator) tpmStatement(ctx context.Context, key keystore.Key, authData, clientDataHash []byte) (*ctap.TPMStatement, error) {
	chip, ok := a.root.(keystore.Attester)
	if !ok {
		return nil, keystore.ErrUnsupported
	}
	return chip.Attest(ctx, key, slices.Concat(authData, clientDataHash))
}

// u2fStatement signs what a U2F registration signs (WebAuthn §8.6).
func (a *Authenticator) u2fStatement(c *credential, clientDataHash []byte) (*ctap.U2FStatement, error) {
	certificate, signature, err := a.signU2FRegistration(c, clientDataHash)
	if err != nil {
		return nil, err
	}
	return &ctap.U2FStatement{Sig: signature, X5C: []ctap.Bytes{certificate}}, nil
}

// signU2FRegistration certifies a key made for this one credential and signs a
// registration with it (U2F Raw Message Formats §4.3).
func (a *Authenticator) signU2FRegistration(c *credential, challenge []byte) (certificate, signature []byte, err error) {
	once, err := a.newOnceKey(c.ID)
	if err != nil {
		return nil, nil, err
	}
	certificate, err = a.certify(certificateFor{}, once.Public(), nil, once)
	if err != nil {
		return nil, nil, err
	}
	point, err := c.point()
	if err != nil {
		return nil, nil, err
	}
	signature, err = once.sign(u2fRegistrationData(c, challenge, point)...)
	return certificate, signature, err
}

// u2fRegistrationData is what a U2F registration's signature covers, in parts.
func u2fRegistrationData(c *credential, challenge, point []byte) [][]byte {
	return [][]byte{{0}, c.RPIDHash, challenge, c.ID, point}
}
