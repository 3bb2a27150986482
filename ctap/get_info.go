package ctap

// GetInfoResponse is authenticatorGetInfo's answer (§6.4).
type GetInfoResponse struct {
	Versions                    []string          `cbor:"1,keyasint"`
	Extensions                  []string          `cbor:"2,keyasint,omitempty"`
	AAGUID                      Bytes             `cbor:"3,keyasint"` // 16 bytes
	Options                     map[string]bool   `cbor:"4,keyasint,omitempty"`
	MaxMsgSize                  uint64            `cbor:"5,keyasint,omitempty"` // bytes
	PinUvAuthProtocols          []uint64          `cbor:"6,keyasint,omitempty"` // in order of preference
	MaxCredentialCountInList    uint64            `cbor:"7,keyasint,omitempty"`
	MaxCredentialIDLength       uint64            `cbor:"8,keyasint,omitempty"` // bytes
	Transports                  []string          `cbor:"9,keyasint,omitempty"`
	Algorithms                  []PubKeyParam     `cbor:"10,keyasint,omitempty"`
	MaxSerializedLargeBlobArray uint64            `cbor:"11,keyasint,omitempty"` // bytes
	ForcePINChange              bool              `cbor:"12,keyasint,omitempty"`
	MinPINLength                uint64            `cbor:"13,keyasint,omitempty"` // code points
	FirmwareVersion             uint64            `cbor:"14,keyasint,omitempty"`
	MaxCredBlobLength           uint64            `cbor:"15,keyasint,omitempty"` // bytes
	MaxRPIDsForSetMinPINLength  *uint64           `cbor:"16,keyasint,omitempty"`
	PreferredPlatformUvAttempts uint64            `cbor:"17,keyasint,omitempty"`
	UVModality                  uint64            `cbor:"18,keyasint,omitempty"`
	Certifications              map[string]uint64 `cbor:"19,keyasint,omitempty"`
	// RemainingDiscoverableCredentials is an estimate.
	RemainingDiscoverableCredentials *uint64   `cbor:"20,keyasint,omitempty"`
	VendorPrototypeConfigCommands    *[]uint64 `cbor:"21,keyasint,omitempty"`
	AttestationFormats               []string  `cbor:"22,keyasint,omitempty"`
	UVCountSinceLastPINEntry         *uint64   `cbor:"23,keyasint,omitempty"`
	LongTouchForReset                *bool     `cbor:"24,keyasint,omitempty"`
	EncIdentifier                    Bytes     `cbor:"25,keyasint,omitempty"` // 32 bytes
	TransportsForReset               []string  `cbor:"26,keyasint,omitempty"`
	PINComplexityPolicy              *bool     `cbor:"27,keyasint,omitempty"`
	PINComplexityPolicyURL           Bytes     `cbor:"28,keyasint,omitempty"`
	MaxPINLength                     uint64    `cbor:"29,keyasint,omitempty"` // code points
	EncCredStoreState                Bytes     `cbor:"30,keyasint,omitempty"` // 32 bytes
	AuthenticatorConfigCommands      *[]uint64 `cbor:"31,keyasint,omitempty"`
}

// UV modalities, FIDO Registry §3.1.
const (
	UVModalityPresence    = 0x01
	UVModalityFingerprint = 0x02
	UVModalityPasscode    = 0x04
)
