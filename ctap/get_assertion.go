package ctap

// GetAssertionRequest is authenticatorGetAssertion's parameters (§6.2).
type GetAssertionRequest struct {
	RPID              string       `cbor:"1,keyasint,omitzero"`
	ClientDataHash    Bytes        `cbor:"2,keyasint,omitzero"`
	AllowList         []Descriptor `cbor:"3,keyasint,omitempty"`
	Extensions        Extensions   `cbor:"4,keyasint,omitempty"`
	Options           Options      `cbor:"5,keyasint,omitempty"`
	PinUvAuthParam    Bytes        `cbor:"6,keyasint,omitzero"` // empty asks for a touch (§6.2.2 step 1)
	PinUvAuthProtocol *uint64      `cbor:"7,keyasint,omitempty"`
}

// GetAssertionResponse is authenticatorGetAssertion's and
// authenticatorGetNextAssertion's answer (§6.2, §6.3).
type GetAssertionResponse struct {
	Credential               *Descriptor `cbor:"1,keyasint,omitempty"`
	AuthData                 Bytes       `cbor:"2,keyasint"`
	Signature                Bytes       `cbor:"3,keyasint"`
	User                     *User       `cbor:"4,keyasint,omitempty"`
	NumberOfCredentials      uint64      `cbor:"5,keyasint,omitempty"`
	UserSelected             bool        `cbor:"6,keyasint,omitempty"`
	LargeBlobKey             Bytes       `cbor:"7,keyasint,omitempty"` // 32 bytes
	UnsignedExtensionOutputs Extensions  `cbor:"8,keyasint,omitempty"`
}

// Unmarshal decodes the command's parameters; errors are Check's, too.
func (r *GetAssertionRequest) Unmarshal(data []byte) error {
	if err := Unmarshal(data, r); err != nil {
		return err
	}
	return r.Check()
}

// Check is nil for parameters that a device can look at: ErrMissingParameter
// where a required member is absent, ErrCBORUnexpectedType where one within
// another is.
func (r *GetAssertionRequest) Check() error {
	if r.RPID == "" || r.ClientDataHash == nil {
		return ErrMissingParameter
	}
	if err := checkDescriptors(r.AllowList); err != nil {
		return err
	}
	return checkClientDataHash(r.ClientDataHash)
}
