package ctap

// CredentialManagementRequest is authenticatorCredentialManagement's parameters
// (§6.8).
type CredentialManagementRequest struct {
	SubCommand        *uint64    `cbor:"1,keyasint,omitzero"`
	SubCommandParams  RawMessage `cbor:"2,keyasint,omitempty"` // as received: the MAC covers these bytes
	PinUvAuthProtocol *uint64    `cbor:"3,keyasint,omitempty"`
	PinUvAuthParam    Bytes      `cbor:"4,keyasint,omitzero"`
}

// Subcommands of authenticatorCredentialManagement, §6.8.
const (
	CredsGetMetadata  = 0x01
	CredsEnumRPsBegin = 0x02
	CredsEnumRPsNext  = 0x03
	CredsEnumBegin    = 0x04
	CredsEnumNext     = 0x05
	CredsDelete       = 0x06
	CredsUpdateUser   = 0x07
)

// CredentialManagementParams is the content of subCommandParams (§6.8).
type CredentialManagementParams struct {
	RPIDHash     Bytes       `cbor:"1,keyasint,omitempty"` // 32 bytes
	CredentialID *Descriptor `cbor:"2,keyasint,omitempty"`
	User         *User       `cbor:"3,keyasint,omitempty"`
}

// CredentialManagementResponse is authenticatorCredentialManagement's answer
// (§6.8).
type CredentialManagementResponse struct {
	ExistingResidentCredentialsCount             *uint64     `cbor:"1,keyasint,omitempty"`
	MaxPossibleRemainingResidentCredentialsCount *uint64     `cbor:"2,keyasint,omitempty"`
	RP                                           *RP         `cbor:"3,keyasint,omitempty"`
	RPIDHash                                     Bytes       `cbor:"4,keyasint,omitempty"`
	TotalRPs                                     uint64      `cbor:"5,keyasint,omitempty"`
	User                                         *User       `cbor:"6,keyasint,omitempty"`
	CredentialID                                 *Descriptor `cbor:"7,keyasint,omitempty"`
	PublicKey                                    RawMessage  `cbor:"8,keyasint,omitempty"` // a COSE_Key
	TotalCredentials                             uint64      `cbor:"9,keyasint,omitempty"`
	CredProtect                                  uint64      `cbor:"10,keyasint,omitempty"`
	LargeBlobKey                                 Bytes       `cbor:"11,keyasint,omitempty"` // 32 bytes
	ThirdPartyPayment                            *bool       `cbor:"12,keyasint,omitempty"`
}

// Unmarshal decodes the command's parameters, but not subCommandParams.
func (r *CredentialManagementRequest) Unmarshal(data []byte) error {
	if err := Unmarshal(data, r); err != nil {
		return err
	}
	if r.SubCommand == nil {
		return ErrMissingParameter
	}
	if r.SubCommandParams != nil && majorType(r.SubCommandParams[0]) != majorMap {
		return ErrCBORUnexpectedType
	}
	return nil
}

// Unmarshal decodes subCommandParams: ErrCBORUnexpectedType where a member
// lacks one that it requires.
func (p *CredentialManagementParams) Unmarshal(data []byte) error {
	if err := decode(data, p); err != nil {
		return err
	}
	if p.CredentialID != nil {
		if err := checkDescriptors([]Descriptor{*p.CredentialID}); err != nil {
			return err
		}
	}
	if p.User != nil && p.User.ID == nil {
		return ErrCBORUnexpectedType
	}
	return nil
}
