package authenticator

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// A Profile is what kind of device this is: data, not behaviour. What can be
// derived (algorithms from the root, verification from the User, commands from
// the table) is not in it.
type Profile struct {
	Name            string
	AAGUID          ctap.AAGUID
	FirmwareVersion uint64
	// Transports lists the ways that the device is reached, as getInfo spells
	// them.
	Transports []string
	// Display tells that the device shows the person what it asks: accounts
	// are chosen on it, tokens need consent, and reset works at any time.
	Display bool
	// Platform tells that the device is part of its machine (option plat).
	Platform bool
	// U2F tells that CTAP1 is spoken.
	U2F bool
	// ClientPIN tells that PINs come through the client.
	ClientPIN bool
	// NoTokens has built-in verification asked for by option uv alone, as on
	// devices older than CTAP 2.1. With ClientPIN there are tokens all the same.
	NoTokens bool
	// AlwaysUv is the default of the option.
	AlwaysUv bool
	// MakeCredUvNotRqd lets non-discoverable credentials be made without
	// verification (§6.4, option makeCredUvNotRqd).
	MakeCredUvNotRqd bool
	// NoMcGaPermissions keeps PIN tokens from making and using credentials
	// (option noMcGaPermissionsWithClientPin).
	NoMcGaPermissions bool
	// Extensions lists the extension identifiers, in getInfo's order. Without
	// ClientPIN those that tell of its rules (minPinLength, pinComplexityPolicy)
	// count as not listed.
	Extensions []string
	// Attestation is the form of attestation where the client prefers none.
	Attestation Attestation
	// EnterpriseRPIDs are the sites that vendor-facilitated enterprise
	// attestation identifies the unit to; nil: not capable of enterprise
	// attestation at all. Empty and not nil: platform-managed only.
	EnterpriseRPIDs []string
	// MinPINLength is the default, in code points.
	MinPINLength int
	// ResetTransports limits reset to some transports; nil: all.
	ResetTransports []string

	MaxCredentialCountInList int // per request
	MaxDiscoverable          int // credentials
	MaxLargeBlobArray        int // bytes
	MaxCredBlobLength        int // bytes
	MaxMinPINLengthRPIDs     int
}

// Attestation is a form of attestation statement (WebAuthn §6.5.3).
type Attestation int

const (
	// PackedCertificate is packed, with a certificate made for that one
	// credential and its key dropped after signing. It proves nothing and
	// links nothing; clients that want a certificate are content.
	PackedCertificate Attestation = iota
	// PackedSelf is packed, signed by the credential's own key.
	PackedSelf
	// PackedChain is packed, with a certificate issued by a root of this
	// installation: whoever sees two of them can tell that they come from one
	// installation.
	PackedChain
	// FIDOU2F is the format of U2F security keys; ES256 only.
	FIDOU2F
	// TPM is the chip's own statement that the key is in it, certified for this
	// installation; PackedCertificate where the key is not in a chip.
	TPM
	// NoAttestation gives an empty statement.
	NoAttestation
)

// SecurityKey is a roaming security key without a display.
func SecurityKey() Profile {
	return Profile{
		Name:            "security-key",
		AAGUID:          ctap.AAGUID{0x8c, 0x4f, 0x1d, 0x2b, 0x6a, 0x1e, 0x4d, 0x0c, 0x9b, 0x37, 0x51, 0x6e, 0xa2, 0x90, 0x73, 0xf1},
		FirmwareVersion: firmwareVersion,
		Transports:      []string{"usb"},
		U2F:             true,
		ClientPIN:       true,
		Extensions: []string{
			ctap.ExtCredProtect, ctap.ExtHMACSecret, ctap.ExtHMACSecretMC, ctap.ExtCredBlob, ctap.ExtLargeBlobKey,
			ctap.ExtMinPINLength, ctap.ExtPINComplexityPolicy, ctap.ExtThirdPartyPayment,
		},
		MinPINLength:             4,
		MaxCredentialCountInList: 20,
		MaxDiscoverable:          1 << 20,
		MaxLargeBlobArray:        64 << 10,
		MaxCredBlobLength:        64,
		MaxMinPINLengthRPIDs:     16,
	}
}

// Platform is the authenticator of the machine itself: it verifies the person
// by its own prompt, lets them choose an account, and always verifies.
func Platform() Profile {
	p := SecurityKey()
	p.Name = "platform"
	p.AAGUID = ctap.AAGUID{0xe1, 0x5a, 0x90, 0x3c, 0x27, 0xd4, 0x4b, 0x58, 0x8f, 0x62, 0x0d, 0xb7, 0x4e, 0xc9, 0x15, 0xa6}
	p.Transports = []string{"internal", "hybrid"}
	p.Display, p.Platform, p.U2F, p.AlwaysUv = true, true, false, true
	p.Extensions[slices.Index(p.Extensions, ctap.ExtLargeBlobKey)] = ctap.ExtLargeBlob
	return p
}

// firmwareVersion rises with each release that changes what the device does.
const firmwareVersion = 1

// settle drops what cannot work without the rest.
func (p *Profile) settle() {
	if !p.ClientPIN {
		p.Extensions = slices.DeleteFunc(slices.Clone(p.Extensions), func(e string) bool {
			return e == ctap.ExtMinPINLength || e == ctap.ExtPINComplexityPolicy
		})
	}
}

func (p *Profile) has(extension string) bool { return slices.Contains(p.Extensions, extension) }

// check refuses what the standard rules out (§6.4).
func (p *Profile) check() error {
	switch {
	case p.has(ctap.ExtLargeBlob) && p.has(ctap.ExtLargeBlobKey):
		return errors.New("largeBlob and largeBlobKey exclude each other")
	case len(p.Transports) == 0:
		return errors.New("no transport")
	case p.MinPINLength < 4 || p.MinPINLength > ctap.MaxPINBytes:
		return fmt.Errorf("minimum PIN length %d is not in 4..%d", p.MinPINLength, ctap.MaxPINBytes)
	case p.has(ctap.ExtLargeBlobKey) && p.MaxLargeBlobArray < ctap.MinLargeBlobArray:
		return fmt.Errorf("large-blob array of %d bytes is below %d", p.MaxLargeBlobArray, ctap.MinLargeBlobArray)
	case p.has(ctap.ExtCredBlob) && p.MaxCredBlobLength < 32:
		return fmt.Errorf("credBlob of %d bytes is below 32", p.MaxCredBlobLength)
	case p.MaxCredentialCountInList < 1 || p.MaxDiscoverable < 1:
		return errors.New("no room for credentials")
	}
	return nil
}
