package ctap

// ClientPINRequest is authenticatorClientPIN's parameters (§6.5.5).
type ClientPINRequest struct {
	PinUvAuthProtocol *uint64          `cbor:"1,keyasint,omitempty"`
	SubCommand        *uint64          `cbor:"2,keyasint,omitzero"`
	KeyAgreement      *KeyAgreementKey `cbor:"3,keyasint,omitempty"`
	PinUvAuthParam    Bytes            `cbor:"4,keyasint,omitzero"`
	NewPINEnc         Bytes            `cbor:"5,keyasint,omitzero"`
	PINHashEnc        Bytes            `cbor:"6,keyasint,omitzero"`
	Permissions       *uint64          `cbor:"9,keyasint,omitempty"`
	RPID              *string          `cbor:"10,keyasint,omitempty"`
}

// Subcommands of authenticatorClientPIN, §6.5.5.
const (
	PINGetRetries       = 0x01
	PINGetKeyAgreement  = 0x02
	PINSet              = 0x03
	PINChange           = 0x04
	PINGetToken         = 0x05
	PINGetTokenUsingUV  = 0x06
	PINGetUVRetries     = 0x07
	PINGetTokenUsingPIN = 0x09
)

// ClientPINResponse is authenticatorClientPIN's answer (§6.5.5).
type ClientPINResponse struct {
	KeyAgreement    *KeyAgreementKey `cbor:"1,keyasint,omitempty"`
	PinUvAuthToken  Bytes            `cbor:"2,keyasint,omitempty"` // encrypted
	PINRetries      *uint64          `cbor:"3,keyasint,omitempty"`
	PowerCycleState bool             `cbor:"4,keyasint,omitempty"`
	UVRetries       *uint64          `cbor:"5,keyasint,omitempty"`
}

// Unmarshal decodes the command's parameters. Which members a subcommand
// requires is the subcommand's business; subCommand itself is required here.
func (r *ClientPINRequest) Unmarshal(data []byte) error {
	if err := Unmarshal(data, r); err != nil {
		return err
	}
	if r.SubCommand == nil {
		return ErrMissingParameter
	}
	return nil
}
