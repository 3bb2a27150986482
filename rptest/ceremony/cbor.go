package ceremony

import (
	"encoding/binary"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Major types of CBOR (RFC 8949 §3.1).
const (
	MajorUint = iota
	MajorNegative
	MajorBytes
	MajorText
	MajorArray
	MajorMap
	MajorTag
	MajorSimple
)

// Head is the beginning of a CBOR item (RFC 8949 §3): its major type, and the
// number that follows, which is a length of strings, arrays and maps.
type Head struct {
	Major      byte
	Count      uint64
	Indefinite bool // no number, but an end mark behind the parts
}

// CutHead takes the head off; not ok where there is none.
func CutHead(data []byte) (h Head, rest []byte, ok bool) {
	const indefinite = 31
	if len(data) == 0 {
		return Head{}, nil, false
	}
	info, rest := data[0]&0x1f, data[1:]
	h.Major = data[0] >> 5
	switch {
	case info < 24:
		h.Count = uint64(info)
		return h, rest, true
	case info == indefinite:
		h.Indefinite = true
		return h, rest, true
	case info > 27 || len(rest) < 1<<(info-24):
		return Head{}, nil, false
	}
	size := 1 << (info - 24)
	var wide [8]byte
	copy(wide[8-size:], rest)
	h.Count = binary.BigEndian.Uint64(wide[:])
	return h, rest[size:], true
}

// CutItem takes the first item off, all its parts with it. It is an error that none
// is well-formed, or that it is deeper or longer than cbor reads.
func CutItem(data []byte) (item, rest []byte, err error) {
	var raw cbor.RawMessage
	if rest, err = cbor.UnmarshalFirst(data, &raw); err != nil {
		return nil, nil, fmt.Errorf("CBOR item: %w", err)
	}
	return raw, rest, nil
}
