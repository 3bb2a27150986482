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
	for _, r := range s {
		switch {
		case r == '"':
			b = append(b, `\"`...)
		case r == '\\':
			b = append(b, `\\`...)
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&0xF])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
