package ctap

// Limits that the standard sets; what this device chooses within them stands
// in authenticator's profiles.
const (
	// DefaultMaxMsgSize is the longest request in bytes where a door sets no
	// other limit: the least that the standard allows (§6.4, maxMsgSize).
	DefaultMaxMsgSize = 1024
	// MaxHIDMsgSize is the longest CTAPHID message in bytes: one
	// initialization packet and 128 continuation packets (§11.2.4).
	MaxHIDMsgSize = 7609
	// MaxNesting is the deepest nesting of a CTAP message, the message's own
	// map included (§8, CTAP2 canonical CBOR).
	MaxNesting = 4
	// MaxUserIDLength bounds user.id in bytes (WebAuthn §5.4.3).
	MaxUserIDLength = 64
	// MaxCredentialIDLength bounds a credential ID in bytes (WebAuthn §4).
	MaxCredentialIDLength = 1023
	// MaxPINBytes bounds a PIN in UTF-8 bytes (§6.5.1).
	MaxPINBytes = 63
	// PaddedPINLength is the length in bytes of a PIN before it is encrypted
	// (§6.5.5.5).
	PaddedPINLength = 64
	// MaxPINRetries is the number of wrong PINs that block the device (§6.5.2).
	MaxPINRetries = 8
	// MaxPINMismatches is the number of wrong PINs in a row that block the
	// device until it is restarted (§6.5.2).
	MaxPINMismatches = 3
	// MinLargeBlobArray is the smallest capacity in bytes of the large-blob
	// array (§6.10.1).
	MinLargeBlobArray = 1024
	// LargeBlobOverhead is what the large-blob command leaves free of a
	// message for its own encoding, in bytes (§6.10.2).
	LargeBlobOverhead = 64
)
