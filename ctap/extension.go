package ctap

// Extension identifiers (§12; WebAuthn §10).
const (
	ExtCredProtect         = "credProtect"
	ExtHMACSecret          = "hmac-secret"
	ExtHMACSecretMC        = "hmac-secret-mc"
	ExtCredBlob            = "credBlob"
	ExtLargeBlobKey        = "largeBlobKey"
	ExtLargeBlob           = "largeBlob"
	ExtMinPINLength        = "minPinLength"
	ExtPINComplexityPolicy = "pinComplexityPolicy"
	ExtThirdPartyPayment   = "thirdPartyPayment"
)

// Values of credProtect (§12.1).
const (
	CredProtectOptional         = 1
	CredProtectOptionalWithList = 2
	CredProtectRequired         = 3
)

// HMACSecretInput is the input of hmac-secret in getAssertion and of
// hmac-secret-mc in makeCredential (§12.7, §12.8).
type HMACSecretInput struct {
	KeyAgreement      *KeyAgreementKey `cbor:"1,keyasint,omitzero"`
	SaltEnc           Bytes            `cbor:"2,keyasint,omitzero"`
	SaltAuth          Bytes            `cbor:"3,keyasint,omitzero"`
	PinUvAuthProtocol *uint64          `cbor:"4,keyasint,omitempty"`
}

// LargeBlobInput is the input of CTAP 2.3's largeBlob extension (§12.4): in
// makeCredential Support, in getAssertion either Read or Write and
// OriginalSize.
type LargeBlobInput struct {
	Support      *string `cbor:"support,omitempty"`
	Read         *bool   `cbor:"read,omitempty"`
	Write        Bytes   `cbor:"write,omitzero"`
	OriginalSize *uint64 `cbor:"originalSize,omitempty"`
}

// LargeBlobOutput is the unsigned output of CTAP 2.3's largeBlob extension
// (§12.4).
type LargeBlobOutput struct {
	Supported    *bool   `cbor:"supported,omitempty"`
	Blob         Bytes   `cbor:"blob,omitzero"`
	OriginalSize *uint64 `cbor:"originalSize,omitempty"`
	Written      *bool   `cbor:"written,omitempty"`
}
