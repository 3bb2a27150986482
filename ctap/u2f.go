package ctap

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// U2F instructions (FIDO U2F Raw Message Formats §3).
const (
	U2FRegister     = 0x01
	U2FAuthenticate = 0x02
	U2FVersion      = 0x03
)

// Control bytes of U2FAuthenticate (U2F Raw Message Formats §5.1).
const (
	U2FCheckOnly   = 0x07
	U2FEnforceUP   = 0x03
	U2FDontEnforce = 0x08
)

// StatusWord is SW1 SW2 of a response APDU; every value other than SWNoError is
// an error.
type StatusWord uint16

// Status words (U2F Raw Message Formats §3.3; ISO 7816-4).
const (
	SWNoError                StatusWord = 0x9000
	SWConditionsNotSatisfied StatusWord = 0x6985
	SWWrongData              StatusWord = 0x6A80
	SWWrongLength            StatusWord = 0x6700
	SWClaNotSupported        StatusWord = 0x6E00
	SWInsNotSupported        StatusWord = 0x6D00
	SWCommandNotAllowed      StatusWord = 0x6986
	SWInternal               StatusWord = 0x6F00
)

// Error gives the status word in hexadecimal.
func (sw StatusWord) Error() string { return fmt.Sprintf("status word %04X", uint16(sw)) }

// Append appends SW1 SW2 to a response's data.
func (sw StatusWord) Append(data []byte) []byte {
	return binary.BigEndian.AppendUint16(data, uint16(sw))
}

// APDU is a command APDU (ISO 7816-4).
type APDU struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	// Le is the longest response data wanted, in bytes; 0 where Le is absent.
	Le int
	// Extended tells that lengths were given in the extended form.
	Extended bool
}

var errAPDU = errors.New("malformed APDU")

// ParseAPDU decodes a short or extended command APDU. The result's Data shares
// data. Its error is SWWrongLength, wrapped.
func ParseAPDU(data []byte) (*APDU, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("%w: %w", errAPDU, SWWrongLength)
	}
	a := &APDU{CLA: data[0], INS: data[1], P1: data[2], P2: data[3]}
	body := data[4:]
	a.Extended = len(body) >= 3 && body[0] == 0
	switch {
	case len(body) == 0:
		return a, nil
	case len(body) == 1:
		a.Le = le(body)
		return a, nil
	case len(body) == 3 && a.Extended:
		a.Le = le(body[1:])
		return a, nil
	case a.Extended:
		return a.split(body[3:], int(binary.BigEndian.Uint16(body[1:])), 2)
	}
	return a.split(body[1:], int(body[0]), 1)
}

// split splits what follows Lc into data and an Le of leSize bytes, if any. Lc
// may be zero: libfido2 and python-fido2 send it so.
func (a *APDU) split(rest []byte, lc, leSize int) (*APDU, error) {
	switch len(rest) - lc {
	case 0:
	case leSize:
		a.Le = le(rest[lc:])
	default:
		return nil, fmt.Errorf("%w: %w", errAPDU, SWWrongLength)
	}
	if lc > 0 {
		a.Data = rest[:lc]
	}
	return a, nil
}

// le decodes an Le field of one or two bytes: 0 stands for the most.
func le(field []byte) int {
	n, most := int(field[0]), 1<<8
	if len(field) == 2 {
		n, most = int(binary.BigEndian.Uint16(field)), 1<<16
	}
	if n == 0 {
		return most
	}
	return n
}
