package ctap

// ConfigRequest is authenticatorConfig's parameters (§6.11).
type ConfigRequest struct {
	SubCommand        *uint64    `cbor:"1,keyasint,omitzero"`
	SubCommandParams  RawMessage `cbor:"2,keyasint,omitempty"` // as received: the MAC covers these bytes
	PinUvAuthProtocol *uint64    `cbor:"3,keyasint,omitempty"`
	PinUvAuthParam    Bytes      `cbor:"4,keyasint,omitzero"`
}

// Subcommands of authenticatorConfig, §6.11.
const (
	ConfigEnableEnterpriseAttestation = 0x01
	ConfigToggleAlwaysUv              = 0x02
	ConfigSetMinPINLength             = 0x03
	ConfigEnableLongTouchForReset     = 0x04
	ConfigVendorPrototype             = 0xFF
)

// SetMinPINLengthParams is subCommandParams of setMinPINLength (§6.11.4).
type SetMinPINLengthParams struct {
	NewMinPINLength     *uint64  `cbor:"1,keyasint,omitempty"` // code points
	MinPINLengthRPIDs   []string `cbor:"2,keyasint,omitempty"`
	ForceChangePIN      bool     `cbor:"3,keyasint,omitempty"`
	PINComplexityPolicy bool     `cbor:"4,keyasint,omitempty"`
}

// Unmarshal decodes the command's parameters, but not subCommandParams.
func (r *ConfigRequest) Unmarshal(data []byte) error {
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

// VendorPrototypeParams is what all vendors' subCommandParams of vendorPrototype
// have in common (§6.11.3); what else is in them is the vendor's.
type VendorPrototypeParams struct {
	VendorCommandID *uint64 `cbor:"1,keyasint,omitempty"`
}

// Unmarshal decodes subCommandParams.
func (p *VendorPrototypeParams) Unmarshal(data []byte) error {
	if err := decode(data, p); err != nil {
		return err
	}
	if p.VendorCommandID == nil {
		return ErrMissingParameter
	}
	return nil
}

// Unmarshal decodes subCommandParams.
func (p *SetMinPINLengthParams) Unmarshal(data []byte) error { return decode(data, p) }
