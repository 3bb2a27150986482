package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Values of ClientData.Type.
const (
	ClientDataCreate = "webauthn.create"
	ClientDataGet    = "webauthn.get"
)

// ClientData is what the client says of a ceremony and the authenticator signs
// the hash of (WebAuthn §5.8.1).
type ClientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"` // base64url without padding
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
	TopOrigin   string `json:"topOrigin,omitempty"` // empty: absent
}

// JSON serializes the client data, byte for byte as the standard does (WebAuthn
// §5.8.1.1), so that verifiers without a JSON parser can compare.
func (c *ClientData) JSON() []byte {
	b := append(make([]byte, 0, 128+len(c.Challenge)+len(c.Origin)+len(c.TopOrigin)), `{"type":`...)
	b = appendCCD(b, c.Type)
	b = appendCCD(append(b, `,"challenge":`...), c.Challenge)
	b = appendCCD(append(b, `,"origin":`...), c.Origin)
	b = strconv.AppendBool(append(b, `,"crossOrigin":`...), c.CrossOrigin)
	if c.TopOrigin != "" {
		b = appendCCD(append(b, `,"topOrigin":`...), c.TopOrigin)
	}
	return append(b, '}')
}

// ParseClientData decodes client data as relying parties do: members that are
// not ClientData's are ignored.
func ParseClientData(data []byte) (*ClientData, error) {
	var c ClientData
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("client data: %w", err)
	}
	return &c, nil
}

// appendCCD appends s as a JSON string by the standard's CCDToString. Bytes that
// are not UTF-8 become U+FFFD, as in every string of the web platform.
func appendCCD(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	plain := 0 // where what stands for itself begins
	for i, r := range s {
		if r >= ' ' && r != '"' && r != '\\' && r != utf8.RuneError {
			continue
		}
		b = append(b, s[plain:i]...)
		switch {
		case r == utf8.RuneError:
			b = utf8.AppendRune(b, r)
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xF])
		default:
			b = append(b, '\\', byte(r))
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		plain = i + size
	}
	return append(append(b, s[plain:]...), '"')
}
