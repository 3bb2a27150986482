package keystore

import (
	"errors"
	"fmt"
	"log/slog"
)

// A Secret is 32 bytes that do not show: every verb of fmt, slog and the
// encoders print [redacted] or fail. Its holder takes the bytes with s[:], in
// place, and wipes them with Wipe; a copy of a Secret is one more to wipe.
type Secret [32]byte

var errSecret = errors.New("keystore: a secret is not to be encoded")

// Wipe overwrites the secret with zeros.
func (s *Secret) Wipe() { clear(s[:]) }

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { f.Write([]byte("[redacted]")) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText fails, and with it encoding/json and its like.
func (Secret) MarshalText() ([]byte, error) { return nil, errSecret }

// MarshalBinary fails, and with it encoding/gob and CBOR.
func (Secret) MarshalBinary() ([]byte, error) { return nil, errSecret }
