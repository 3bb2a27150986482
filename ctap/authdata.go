package ctap

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Flags of authenticator data (WebAuthn §6.1).
type Flags byte

// Flag bits, WebAuthn §6.1.
const (
	FlagUP Flags = 0x01 // user present
	FlagUV Flags = 0x04 // user verified
	FlagBE Flags = 0x08 // backup eligible
	FlagBS Flags = 0x10 // backed up
	FlagAT Flags = 0x40 // attested credential data included
	FlagED Flags = 0x80 // extension data included
)

// AAGUID is a model's identifier, 16 bytes (WebAuthn §6.5.1).
type AAGUID [16]byte

// String gives the usual hexadecimal form with dashes.
func (a AAGUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", a[:4], a[4:6], a[6:8], a[8:10], a[10:])
}

// MarshalText implements encoding.TextMarshaler: as String.
func (a AAGUID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it takes what String gives, in
// either case.
func (a *AAGUID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	if err != nil || len(b) != len(a) || AAGUID(b).String() != strings.ToLower(string(text)) {
		return fmt.Errorf("aaguid %q is not like 00112233-4455-6677-8899-aabbccddeeff", text)
	}
	*a = AAGUID(b)
	return nil
}

// AuthData is authenticator data (WebAuthn §6.1): what an authenticator signs,
// together with the client data's hash.
type AuthData struct {
	RPIDHash  [32]byte // SHA-256 of the RP ID
	Flags     Flags
	SignCount uint32

	// Attested credential data, present where Flags has FlagAT.
	AAGUID       AAGUID
	CredentialID []byte // at most 1023 bytes
	PublicKey    []byte // a COSE_Key, encoded

	// Extensions is the extension outputs' CBOR map, encoded; present where
	// Flags has FlagED.
	Extensions []byte
}

const authDataFixed = 32 + 1 + 4

// Append appends the encoding to b. FlagAT and FlagED decide what is included.
func (a *AuthData) Append(b []byte) []byte {
	b = slices.Grow(b, authDataFixed+len(a.AAGUID)+2+len(a.CredentialID)+len(a.PublicKey)+len(a.Extensions))
	b = append(b, a.RPIDHash[:]...)
	b = append(b, byte(a.Flags))
	b = binary.BigEndian.AppendUint32(b, a.SignCount)
	if a.Flags&FlagAT != 0 {
		b = append(b, a.AAGUID[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.CredentialID)))
		b = append(b, a.CredentialID...)
		b = append(b, a.PublicKey...)
	}
	if a.Flags&FlagED != 0 {
		b = append(b, a.Extensions...)
	}
	return b
}

var errAuthDataShort = errors.New("authenticator data is cut short")

// ParseAuthData decodes authenticator data. The result's slices share data.
func ParseAuthData(data []byte) (_ *AuthData, err error) {
	if len(data) < authDataFixed {
		return nil, errAuthDataShort
	}
	a := &AuthData{
		RPIDHash:  [32]byte(data[:32]),
		Flags:     Flags(data[32]),
		SignCount: binary.BigEndian.Uint32(data[33:37]),
	}
	rest := data[authDataFixed:]
	if a.Flags&FlagAT != 0 {
		if len(rest) < 18 {
			return nil, errAuthDataShort
		}
		a.AAGUID = AAGUID(rest[:16])
		n := int(binary.BigEndian.Uint16(rest[16:18]))
		rest = rest[18:]
		if n > MaxCredentialIDLength || len(rest) < n {
			return nil, errAuthDataShort
		}
		a.CredentialID, rest = rest[:n], rest[n:]
		if a.PublicKey, rest, err = takeMap(rest); err != nil {
			return nil, fmt.Errorf("authenticator data: public key: %w", err)
		}
	}
	if a.Flags&FlagED != 0 {
		if a.Extensions, rest, err = takeMap(rest); err != nil {
			return nil, fmt.Errorf("authenticator data: extensions: %w", err)
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("authenticator data: %d bytes too many", len(rest))
	}
	return a, nil
}
