package rptest

import (
	"encoding/base64"
	"fmt"
)

// Bytes are bytes that JSON writes in base64url without padding, as WebAuthn's
// JSON does.
type Bytes []byte

// String gives the bytes in base64url.
func (b Bytes) String() string { return base64.RawURLEncoding.EncodeToString(b) }

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return base64.RawURLEncoding.AppendEncode(nil, b), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	decoded, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("%q is not base64url without padding", text)
	}
	*b = decoded
	return nil
}
