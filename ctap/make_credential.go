package ctap

// MakeCredentialRequest is authenticatorMakeCredential's parameters (§6.1).
type MakeCredentialRequest struct {
	ClientDataHash     Bytes         `cbor:"1,keyasint,omitzero"`
	RP                 *RP           `cbor:"2,keyasint,omitzero"`
	User               *User         `cbor:"3,keyasint,omitzero"`
	PubKeyCredParams   []PubKeyParam `cbor:"4,keyasint,omitzero"`
	ExcludeList        []Descriptor  `cbor:"5,keyasint,omitempty"`
	Extensions         Extensions    `cbor:"6,keyasint,omitempty"`
	Options            Options       `cbor:"7,keyasint,omitempty"`
	PinUvAuthParam     Bytes         `cbor:"8,keyasint,omitzero"` // empty asks for a touch (§6.1.2 step 1)
	PinUvAuthProtocol  *uint64       `cbor:"9,keyasint,omitempty"`
	EnterpriseAttest   *uint64       `cbor:"10,keyasint,omitempty"`
	AttestationFormats []string      `cbor:"11,keyasint,omitempty"`
}

// RP is a PublicKeyCredentialRpEntity (WebAuthn §5.4.2).
type RP struct {
	ID   string `cbor:"id"`
	Name string `cbor:"name,omitempty"`
}

// User is a PublicKeyCredentialUserEntity (WebAuthn §5.4.3).
type User struct {
	ID          Bytes  `cbor:"id"` // 1 to 64 bytes
	Name        string `cbor:"name,omitempty"`
	DisplayName string `cbor:"displayName,omitempty"`
}

// PubKeyParam is a PublicKeyCredentialParameters (WebAuthn §5.3).
type PubKeyParam struct {
	Alg  Algorithm `cbor:"alg"`
	Type string    `cbor:"type"`
}

// TypePublicKey is the only credential type (WebAuthn §5.8.2).
const TypePublicKey = "public-key"

// Descriptor is a PublicKeyCredentialDescriptor (WebAuthn §5.8.3).
type Descriptor struct {
	ID         Bytes    `cbor:"id"`
	Type       string   `cbor:"type"`
	Transports []string `cbor:"transports,omitempty"`
}

// Extensions holds extension inputs or outputs by identifier, each as it came.
type Extensions map[string]RawMessage

// Options holds a request's options by name (§6.1, §6.2). A name that a request
// does not define may have a value of any type; it is left out if not a boolean.
type Options map[string]bool

// UnmarshalCBOR decodes a map of options.
func (o *Options) UnmarshalCBOR(data []byte) error {
	major, n, rest, err := head(data)
	if err != nil {
		return err
	}
	if major != majorMap {
		return ErrCBORUnexpectedType
	}
	*o = Options{}
	for range n {
		name, value, err := text(rest)
		if err != nil {
			return err
		}
		if rest, err = checkItem(value, MaxNesting); err != nil {
			return err
		}
		switch value[0] {
		case simpleFalse, simpleTrue:
			(*o)[name] = value[0] == simpleTrue
		default:
			if name == "rk" || name == "up" || name == "uv" {
				return ErrCBORUnexpectedType
			}
		}
	}
	return nil
}

// MakeCredentialResponse is authenticatorMakeCredential's answer (§6.1).
type MakeCredentialResponse struct {
	Fmt                      string     `cbor:"1,keyasint"`
	AuthData                 Bytes      `cbor:"2,keyasint"`
	AttStmt                  RawMessage `cbor:"3,keyasint,omitempty"`
	EpAtt                    bool       `cbor:"4,keyasint,omitempty"`
	LargeBlobKey             Bytes      `cbor:"5,keyasint,omitempty"` // 32 bytes
	UnsignedExtensionOutputs Extensions `cbor:"6,keyasint,omitempty"`
}

// Unmarshal decodes the command's parameters; errors are Check's, too.
func (r *MakeCredentialRequest) Unmarshal(data []byte) error {
	if err := Unmarshal(data, r); err != nil {
		return err
	}
	return r.Check()
}

// Check is nil for parameters that a device can look at: ErrMissingParameter
// where a required member is absent, ErrCBORUnexpectedType where one within
// another is.
func (r *MakeCredentialRequest) Check() error {
	if r.ClientDataHash == nil || r.RP == nil || r.User == nil || r.PubKeyCredParams == nil {
		return ErrMissingParameter
	}
	if r.RP.ID == "" || r.User.ID == nil {
		return ErrCBORUnexpectedType
	}
	for _, p := range r.PubKeyCredParams {
		if p.Alg == 0 || p.Type == "" {
			return ErrCBORUnexpectedType
		}
	}
	if err := checkDescriptors(r.ExcludeList); err != nil {
		return err
	}
	if len(r.User.ID) == 0 || len(r.User.ID) > MaxUserIDLength {
		return ErrInvalidParameter
	}
	return checkClientDataHash(r.ClientDataHash)
}

func checkDescriptors(list []Descriptor) error {
	for _, d := range list {
		if d.ID == nil || d.Type == "" {
			return ErrCBORUnexpectedType
		}
	}
	return nil
}

func checkClientDataHash(hash []byte) error {
	if len(hash) != 32 {
		return ErrInvalidLength
	}
	return nil
}
