package ctap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// RawMessage is one CBOR item that is kept as it came: whoever verifies a MAC
// over parameters needs the very bytes.
type RawMessage = cbor.RawMessage

// Bytes is a CBOR byte string. Unlike []byte it does not accept an array of
// integers in its place. Nil is absent; present and empty is not nil: in a
// request the two stay apart, and so requests use omitzero, not omitempty.
type Bytes []byte

// UnmarshalCBOR copies the content of a byte string out of data.
func (b *Bytes) UnmarshalCBOR(data []byte) error {
	if len(data) == 0 || majorType(data[0]) != majorBytes {
		return ErrCBORUnexpectedType
	}
	_, n, rest, err := head(data)
	if err != nil || n != uint64(len(rest)) {
		return ErrInvalidCBOR
	}
	*b = append(make([]byte, 0, n), rest...)
	return nil
}

// The modes are tables in effect: made once, immutable, safe for concurrent use.
// CheckCanonical has found duplicate keys and bad UTF-8 before decoding starts,
// so decoding does not look for them again.
var (
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyQuiet,
		UTF8:              cbor.UTF8DecodeInvalid,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode())
	encoding = must(cbor.EncOptions{
		Sort:        cbor.SortCTAP2,
		IndefLength: cbor.IndefLengthForbidden,
		TagsMd:      cbor.TagsForbidden,
		// No CTAP message has a null.
		NilContainers: cbor.NilContainerAsEmpty,
	}.UserBufferEncMode())
)

// must gives v; the options above are constants that the library accepts.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Marshal encodes v as CTAP2 canonical CBOR (§8).
func Marshal(v any) ([]byte, error) {
	b, err := encoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode CBOR: %w", err)
	}
	return b, nil
}

// Unmarshal decodes one CTAP message's map or a part of one into v. It accepts
// CTAP2 canonical CBOR only (§8): anything else, trailing bytes included, is
// ErrInvalidCBOR. A member of another type than v's is ErrCBORUnexpectedType;
// members that v does not have are ignored.
func Unmarshal(data []byte, v any) error {
	if err := CheckCanonical(data); err != nil {
		return err
	}
	return decode(data, v)
}

// UnmarshalPart decodes a RawMessage of a message that Unmarshal has decoded, and
// so has checked already.
func UnmarshalPart(raw RawMessage, v any) error { return decode(raw, v) }

// MarshalReply encodes a successful reply: StatusOK and v as CTAP2 canonical
// CBOR (§6).
func MarshalReply(v any) ([]byte, error) { return marshalAfter(byte(StatusOK), v) }

// MarshalRequest encodes a request: its command byte and v as CTAP2 canonical
// CBOR (§8).
func MarshalRequest(cmd Command, v any) ([]byte, error) { return marshalAfter(byte(cmd), v) }

func marshalAfter(first byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(append(make([]byte, 0, 256), first))
	if err := encoding.MarshalToBuffer(v, b); err != nil {
		return nil, fmt.Errorf("encode CBOR: %w", err)
	}
	return b.Bytes(), nil
}

// decode decodes what is known to be canonical.
func decode(data []byte, v any) error {
	err := decoding.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	var (
		status   Status
		typeErr  *cbor.UnmarshalTypeError
		rangeErr *cbor.UnacceptableDataItemError
	)
	switch {
	case errors.As(err, &status):
		return status
	case errors.As(err, &typeErr), errors.As(err, &rangeErr):
		return fmt.Errorf("%w: %w", ErrCBORUnexpectedType, err)
	}
	return fmt.Errorf("%w: %w", ErrInvalidCBOR, err)
}

// CBOR major types (RFC 8949 §3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Items of major type 7 that are booleans.
const (
	simpleFalse = majorSimple<<5 | 20
	simpleTrue  = majorSimple<<5 | 21
)

func majorType(b byte) byte { return b >> 5 }

// CheckCanonical reports whether data is exactly one item of CTAP2 canonical
// CBOR (§8): shortest heads, definite lengths, no tags, sorted and unique map
// keys, valid UTF-8, at most MaxNesting maps and arrays within each other. The
// error is ErrInvalidCBOR, or ErrCBORUnexpectedType for null and undefined,
// which no CTAP message has.
func CheckCanonical(data []byte) error {
	rest, err := checkItem(data, MaxNesting)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes after the item", ErrInvalidCBOR, len(rest))
	}
	return nil
}

// checkItem checks the item at the start of data and returns what follows it.
// Each call consumes at least one byte, so counts read from a head cannot make
// the loops below run longer than data.
func checkItem(data []byte, depth int) ([]byte, error) {
	major, n, rest, err := head(data)
	if err != nil {
		return nil, err
	}
	switch major {
	case majorUint, majorNegative:
		return rest, nil
	case majorBytes, majorText:
		if n > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: string of %d bytes is cut short", ErrInvalidCBOR, n)
		}
		if major == majorText && !utf8.Valid(rest[:n]) {
			return nil, fmt.Errorf("%w: text is not UTF-8", ErrInvalidCBOR)
		}
		return rest[n:], nil
	case majorArray, majorMap:
		if depth == 0 {
			return nil, fmt.Errorf("%w: nested deeper than %d", ErrInvalidCBOR, MaxNesting)
		}
		if major == majorMap {
			return checkMap(rest, n, depth-1)
		}
		for range n {
			if rest, err = checkItem(rest, depth-1); err != nil {
				return nil, err
			}
		}
		return rest, nil
	case majorSimple:
		return rest, nil
	}
	return nil, fmt.Errorf("%w: tagged item", ErrInvalidCBOR)
}

// checkMap checks n pairs. Canonical keys sort as their encodings do, so one
// bytewise comparison finds both disorder and duplicates.
func checkMap(rest []byte, n uint64, depth int) ([]byte, error) {
	var previous []byte
	for i := range n {
		after, err := checkItem(rest, depth)
		if err != nil {
			return nil, err
		}
		key := rest[:len(rest)-len(after)]
		if i > 0 && bytes.Compare(previous, key) >= 0 {
			return nil, fmt.Errorf("%w: map keys are not sorted and unique", ErrInvalidCBOR)
		}
		previous = key
		if rest, err = checkItem(after, depth); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// head reads an item's major type and argument, and returns what follows.
func head(data []byte) (major byte, n uint64, rest []byte, err error) {
	if len(data) == 0 {
		return 0, 0, nil, fmt.Errorf("%w: cut short", ErrInvalidCBOR)
	}
	major, info, rest := majorType(data[0]), data[0]&0x1F, data[1:]
	if info < 24 {
		if major == majorSimple {
			err = checkSimple(info)
		}
		return major, uint64(info), rest, err
	}
	if info > 27 {
		return 0, 0, nil, fmt.Errorf("%w: indefinite length or reserved head", ErrInvalidCBOR)
	}
	size := 1 << (info - 24)
	if len(rest) < size {
		return 0, 0, nil, fmt.Errorf("%w: cut short", ErrInvalidCBOR)
	}
	var least uint64
	switch size {
	case 1:
		n, least = uint64(rest[0]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(rest)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(rest)), 1<<16
	case 8:
		n, least = binary.BigEndian.Uint64(rest), 1<<32
	}
	// A float's argument is its bits, not a number with a shortest form.
	switch {
	case major == majorSimple && size == 1:
		return 0, 0, nil, fmt.Errorf("%w: unassigned simple value", ErrInvalidCBOR)
	case major != majorSimple && n < least:
		return 0, 0, nil, fmt.Errorf("%w: number is not in its shortest form", ErrInvalidCBOR)
	}
	return major, n, rest[size:], nil
}

// text reads a text string and returns what follows.
func text(data []byte) (s string, rest []byte, err error) {
	major, n, rest, err := head(data)
	switch {
	case err != nil:
		return "", nil, err
	case major != majorText:
		return "", nil, ErrCBORUnexpectedType
	case n > uint64(len(rest)):
		return "", nil, ErrInvalidCBOR
	}
	return string(rest[:n]), rest[n:], nil
}

// takeMap splits data into the map it starts with and what follows.
func takeMap(data []byte) (m, rest []byte, err error) {
	rest, err = checkItem(data, MaxNesting)
	if err != nil {
		return nil, nil, err
	}
	if majorType(data[0]) != majorMap {
		return nil, nil, ErrCBORUnexpectedType
	}
	return data[:len(data)-len(rest)], rest, nil
}

// checkSimple accepts false and true.
func checkSimple(value byte) error {
	switch value {
	case 20, 21:
		return nil
	case 22, 23:
		return fmt.Errorf("%w: null or undefined", ErrCBORUnexpectedType)
	}
	return fmt.Errorf("%w: unassigned simple value", ErrInvalidCBOR)
}
