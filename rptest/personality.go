package rptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Personality is a kind of device that people have.
type Personality string

const (
	// Phone is a passkey that a phone or password manager keeps in step on
	// several devices: backed up, counter 0, no attestation, and discoverable
	// even for sites that discourage it. The default.
	Phone Personality = "phone"
	// Hardware is a security key: bound to itself, counter rising, packed
	// attestation, PIN typed into the browser.
	Hardware Personality = "security-key"
	// U2F is a security key from before passkeys: no discoverable credentials,
	// no verification, fido-u2f attestation.
	U2F Personality = "u2f"
	// Windows is a machine with a TPM: RS256 first, tpm attestation.
	Windows Personality = "windows"
	// Platform is a machine of its own, without backup: packed self attestation.
	Platform Personality = "platform"
)

// Personalities lists them all.
func Personalities() []Personality { return []Personality{Phone, Hardware, U2F, Windows, Platform} }

// DeviceConfig says what a device is. The zero value is a Phone whose keys are
// random. In JSON, as the HTTP service takes it, members have the names in the
// tags; absent ones follow from the personality.
type DeviceConfig struct {
	// Seed makes keys, IDs and every byte a function of it, the site and the
	// user, whatever the order of use. Empty: random.
	Seed        string      `json:"seed,omitempty"`
	Personality Personality `json:"profile,omitempty"`

	AAGUID     *ctap.AAGUID     `json:"aaguid,omitempty"`
	Algorithms []ctap.Algorithm `json:"algorithms,omitempty"` // COSE numbers: what it can; the order in a site's options decides
	Transports []string         `json:"transports,omitempty"`

	// BackupEligible and BackedUp are the flags BE and BS.
	BackupEligible *bool `json:"backupEligible,omitempty"`
	BackedUp       *bool `json:"backedUp,omitempty"`
	// Counter is how the signature counter of new credentials goes.
	Counter *Counter `json:"counter,omitempty"`
	// Attestation is the format of statements.
	Attestation attest.Format `json:"attestation,omitempty"`

	// NoVerification is a device that cannot verify the person, NoDiscoverable
	// one that keeps no credentials, NoPRF one without hmac-secret,
	// NoLargeBlob one without large blobs.
	NoVerification bool `json:"noVerification,omitempty"`
	NoDiscoverable bool `json:"noDiscoverable,omitempty"`
	NoPRF          bool `json:"noPrf,omitempty"`
	NoLargeBlob    bool `json:"noLargeBlob,omitempty"`

	// Now is the device's clock; nil: time.Now.
	Now func() time.Time `json:"-"`
}

// Counter is a strategy for the signature counter (WebAuthn §6.1.1): the first
// answer has Start, each further one Step more. {0, 0} is a device that does
// not count.
type Counter struct {
	Start uint32 `json:"start"`
	Step  uint32 `json:"step"`
}

// over lays c over base: what c leaves out stays.
func (c DeviceConfig) over(base DeviceConfig) DeviceConfig {
	if c.Seed != "" {
		base.Seed = c.Seed
	}
	if c.Personality != "" {
		base = DeviceConfig{Seed: base.Seed, Personality: c.Personality, Now: base.Now}
	}
	if c.AAGUID != nil {
		base.AAGUID = c.AAGUID
	}
	if c.Algorithms != nil {
		base.Algorithms = c.Algorithms
	}
	if c.Transports != nil {
		base.Transports = c.Transports
	}
	if c.BackupEligible != nil {
		base.BackupEligible = c.BackupEligible
	}
	if c.BackedUp != nil {
		base.BackedUp = c.BackedUp
	}
	if c.Counter != nil {
		base.Counter = c.Counter
	}
	if c.Attestation != "" {
		base.Attestation = c.Attestation
	}
	base.NoVerification = base.NoVerification || c.NoVerification
	base.NoDiscoverable = base.NoDiscoverable || c.NoDiscoverable
	base.NoPRF = base.NoPRF || c.NoPRF
	base.NoLargeBlob = base.NoLargeBlob || c.NoLargeBlob
	if c.Now != nil {
		base.Now = c.Now
	}
	return base
}

// settled fills in what the personality says.
func (c DeviceConfig) settled() (DeviceConfig, error) {
	if c.Personality == "" {
		c.Personality = Phone
	}
	base, ok := personalities[c.Personality]
	if !ok {
		return c, fmt.Errorf("profile %q is none of %q", c.Personality, Personalities())
	}
	personality := c.Personality
	c.Personality = ""
	c = c.over(base)
	c.Personality = personality
	if c.Now == nil {
		c.Now = time.Now
	}
	if !slices.Contains(attest.Formats(), c.Attestation) {
		return c, fmt.Errorf("attestation %q is none of %q", c.Attestation, attest.Formats())
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(makes, a) {
			return c, fmt.Errorf("algorithm %d is none of %s, which a device makes keys of", int64(a), numbered(makes))
		}
	}
	if *c.BackedUp && !*c.BackupEligible {
		return c, fmt.Errorf("a device with backedUp must be backupEligible: spoil the flags with a mutation instead")
	}
	return c, nil
}

// makes are the algorithms that a device can have.
var makes = []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256, ctap.ES256K}

// numbered lists algorithms by name and number.
func numbered(algorithms []ctap.Algorithm) string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = fmt.Sprintf("%v (%d)", a, int64(a))
	}
	return strings.Join(names, ", ")
}

// personalities holds what each one is.
var personalities = map[Personality]DeviceConfig{
	Phone: {
		AAGUID:         &ctap.AAGUID{0x3b, 0x1f, 0x60, 0x52, 0x8c, 0x07, 0x4e, 0x2d, 0xa4, 0x59, 0x66, 0xd2, 0x31, 0x7e, 0x90, 0x1c},
		Algorithms:     []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256},
		Transports:     []string{"hybrid", "internal"},
		BackupEligible: yes(true), BackedUp: yes(true), Counter: &Counter{}, Attestation: attest.None,
	},
	Hardware: {
		AAGUID:         &ctap.AAGUID{0x91, 0xc4, 0x0e, 0x76, 0x2a, 0x5d, 0x43, 0xb8, 0x87, 0x1e, 0x0f, 0x5b, 0xc9, 0x24, 0x6d, 0x02},
		Algorithms:     []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256},
		Transports:     []string{"nfc", "usb"},
		BackupEligible: yes(false), BackedUp: yes(false), Counter: &Counter{1, 1}, Attestation: attest.Packed,
	},
	U2F: {
		AAGUID:         &ctap.AAGUID{},
		Algorithms:     []ctap.Algorithm{ctap.ES256},
		Transports:     []string{"usb"},
		BackupEligible: yes(false), BackedUp: yes(false), Counter: &Counter{1, 1}, Attestation: attest.FIDOU2F,
		NoVerification: true, NoDiscoverable: true, NoPRF: true, NoLargeBlob: true,
	},
	Windows: {
		AAGUID:         &ctap.AAGUID{0x6e, 0x22, 0x8d, 0x10, 0xb5, 0x93, 0x4a, 0x7f, 0x9c, 0x44, 0xd8, 0x1b, 0x50, 0xaf, 0x37, 0x08},
		Algorithms:     []ctap.Algorithm{ctap.RS256, ctap.ES256},
		Transports:     []string{"internal"},
		BackupEligible: yes(false), BackedUp: yes(false), Counter: &Counter{1, 1}, Attestation: attest.TPM,
		NoLargeBlob: true,
	},
	Platform: {
		AAGUID:         &ctap.AAGUID{0x0d, 0x7a, 0x95, 0x3e, 0x4c, 0x61, 0x4b, 0x09, 0xb2, 0x78, 0xe3, 0x1a, 0xc5, 0x06, 0x8f, 0x54},
		Algorithms:     []ctap.Algorithm{ctap.ES256, ctap.RS256, ctap.EdDSA},
		Transports:     []string{"internal"},
		BackupEligible: yes(false), BackedUp: yes(false), Counter: &Counter{}, Attestation: attest.PackedSelf,
	},
}

func yes(v bool) *bool { return &v }

// profile is the engine's view of the device.
func (c *DeviceConfig) profile() authenticator.Profile {
	p := authenticator.Platform()
	if c.Personality == Hardware || c.Personality == U2F {
		p = authenticator.SecurityKey()
	}
	p.Name = string(c.Personality)
	p.AAGUID = *c.AAGUID
	p.Transports = c.Transports
	p.AlwaysUv = false
	p.MakeCredUvNotRqd = true
	p.ClientPIN = c.Personality == Hardware && !c.NoVerification
	p.NoTokens = !p.ClientPIN // a token costs four times what a signature does
	p.Attestation = authenticator.NoAttestation
	if claims := c.claims(); c.Attestation == attest.PackedSelf && claims.enginesOwn() {
		p.Attestation = authenticator.PackedSelf
	}
	p.Extensions = slices.DeleteFunc(p.Extensions, func(e string) bool {
		switch e {
		case ctap.ExtHMACSecret, ctap.ExtHMACSecretMC:
			return c.NoPRF
		case ctap.ExtLargeBlob, ctap.ExtLargeBlobKey:
			return c.NoLargeBlob
		case ctap.ExtCredProtect, ctap.ExtCredBlob, ctap.ExtMinPINLength, ctap.ExtThirdPartyPayment, ctap.ExtPINComplexityPolicy:
			return c.Personality == U2F
		}
		return false
	})
	return p
}
