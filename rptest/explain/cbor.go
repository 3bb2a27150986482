package explain

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// Major types of CBOR (RFC 8949 §3.1).
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

const indefinite = 31

// head reads an item's first bytes.
func head(data []byte) (major, info byte, n uint64, rest []byte, ok bool) {
	if len(data) == 0 {
		return 0, 0, 0, nil, false
	}
	major, info, rest = data[0]>>5, data[0]&0x1f, data[1:]
	switch {
	case info < 24:
		return major, info, uint64(info), rest, true
	case info == indefinite:
		return major, info, 0, rest, true
	case info > 27 || len(rest) < 1<<(info-24):
		return 0, 0, 0, nil, false
	}
	size := 1 << (info - 24)
	var wide [8]byte
	copy(wide[8-size:], rest)
	return major, info, binary.BigEndian.Uint64(wide[:]), rest[size:], true
}

// split takes the first item off; the decoder behind it bounds depth and length.
func split(data []byte) (item, rest []byte, ok bool) {
	var raw cbor.RawMessage
	rest, err := cbor.UnmarshalFirst(data, &raw)
	return raw, rest, err == nil
}

// cborNode takes one whole item apart.
func cborNode(name string, item []byte) *node {
	n := &node{name: name, raw: item, value: hexed(item)}
	major, info, count, rest, ok := head(item)
	if !ok {
		return n
	}
	if info == indefinite {
		n.note = "indefinite length"
	}
	switch major {
	case majorUint:
		n.value = strconv.FormatUint(count, 10)
	case majorNegative:
		n.value = negative(count)
	case majorBytes, majorText:
		n.value = stringValue(item, major)
	case majorArray, majorMap:
		n.parts = containerParts(major, info, count, rest)
	case majorTag:
		inner := cborNode(name, rest)
		inner.raw, inner.note = item, fmt.Sprintf("tag %d", count)
		return inner
	case majorSimple:
		var v any
		if cbor.Unmarshal(item, &v) == nil {
			n.value = fmt.Sprint(v)
		}
	}
	return n
}

func negative(n uint64) string {
	if n > 1<<62 {
		return fmt.Sprintf("-1-%d", n)
	}
	return strconv.FormatInt(-1-int64(n), 10)
}

func stringValue(item []byte, major byte) string {
	if major == majorText {
		var s string
		if cbor.Unmarshal(item, &s) == nil {
			return strconv.Quote(s)
		}
		return hexed(item)
	}
	var b []byte
	if cbor.Unmarshal(item, &b) == nil {
		return hexed(b)
	}
	return hexed(item)
}

// containerParts takes an array or a map apart. It is called with well-formed
// items, and stops where one is not.
func containerParts(major, info byte, count uint64, rest []byte) []*node {
	parts := []*node{}
	for i := uint64(0); info == indefinite || i < count; i++ {
		if info == indefinite && len(rest) > 0 && rest[0] == 0xff {
			break
		}
		key, after, ok := split(rest)
		if !ok {
			break
		}
		if major == majorArray {
			parts, rest = append(parts, cborNode(fmt.Sprintf("[%d]", i), key)), after
			continue
		}
		value, after, ok := split(after)
		if !ok {
			break
		}
		parts, rest = append(parts, cborNode(keyName(key), value)), after
	}
	return parts
}

func keyName(key []byte) string {
	n := cborNode("", key)
	if s, err := strconv.Unquote(n.value); err == nil {
		return s
	}
	return n.shown()
}

// byteString gives the content of a byte string.
func (n *node) byteString() ([]byte, bool) {
	if n == nil || len(n.raw) == 0 || n.raw[0]>>5 != majorBytes {
		return nil, false
	}
	var b []byte
	if cbor.Unmarshal(n.raw, &b) != nil {
		return nil, false
	}
	return b, true
}

// replace puts other parts in a node's place, which keeps its name and bytes.
func (n *node) replace(by *node) {
	if by != nil {
		n.parts, n.value, n.note = by.parts, by.value, by.note
	}
}
