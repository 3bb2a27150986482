package ctap

import "fmt"

// Attestation statement formats (WebAuthn §8).
const (
	FormatPacked  = "packed"
	FormatNone    = "none"
	FormatFIDOU2F = "fido-u2f"
	FormatTPM     = "tpm"
)

// AttestationObject is what a client hands to the relying party at registration
// (WebAuthn §6.5.4).
type AttestationObject struct {
	Fmt      string     `cbor:"fmt"`
	AttStmt  RawMessage `cbor:"attStmt"` // a CBOR map
	AuthData Bytes      `cbor:"authData"`
}

// PackedStatement is the packed format's statement (WebAuthn §8.2). Without X5C
// it is self attestation.
type PackedStatement struct {
	Alg Algorithm `cbor:"alg"`
	Sig Bytes     `cbor:"sig"`
	X5C []Bytes   `cbor:"x5c,omitempty"` // DER, the attestation certificate first
}

// TPMStatement is the tpm format's statement (WebAuthn §8.3).
type TPMStatement struct {
	Ver      string    `cbor:"ver"` // "2.0"
	Alg      Algorithm `cbor:"alg"` // of the attestation key
	X5C      []Bytes   `cbor:"x5c"` // DER, the attestation key's certificate first
	Sig      Bytes     `cbor:"sig"`
	CertInfo Bytes     `cbor:"certInfo"` // a TPMS_ATTEST
	PubArea  Bytes     `cbor:"pubArea"`  // a TPMT_PUBLIC
}

// U2FStatement is the fido-u2f format's statement (WebAuthn §8.6).
type U2FStatement struct {
	Sig Bytes   `cbor:"sig"`
	X5C []Bytes `cbor:"x5c"` // DER, one certificate
}

// EmptyMap is the encoding of an empty CBOR map: the none format's statement.
func EmptyMap() RawMessage { return RawMessage{0xA0} }

// ParseAttestationObject decodes an attestation object; canonical CBOR only.
func ParseAttestationObject(data []byte) (*AttestationObject, error) {
	var o AttestationObject
	if err := Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("attestation object: %w", err)
	}
	if o.Fmt == "" || o.AttStmt == nil || o.AuthData == nil {
		return nil, fmt.Errorf("attestation object: %w", ErrMissingParameter)
	}
	return &o, nil
}
