package explain

import (
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// cborNode takes one whole item apart.
func cborNode(name string, item []byte) *node {
	n := &node{name: name, raw: item, value: hexed(item)}
	h, rest, ok := ceremony.CutHead(item)
	if !ok {
		return n
	}
	if h.Indefinite {
		n.note = "indefinite length"
	}
	switch h.Major {
	case ceremony.MajorUint:
		n.value = strconv.FormatUint(h.Count, 10)
	case ceremony.MajorNegative:
		n.value = negative(h.Count)
	case ceremony.MajorBytes, ceremony.MajorText:
		n.value = stringValue(item, h.Major)
	case ceremony.MajorArray:
		n.parts, n.value = containerParts(h, rest), emptyList
	case ceremony.MajorMap:
		n.parts, n.value = containerParts(h, rest), emptyMap
	case ceremony.MajorTag:
		inner := cborNode(name, rest)
		inner.raw, inner.note = item, fmt.Sprintf("tag %d", h.Count)
		return inner
	case ceremony.MajorSimple:
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
	if major == ceremony.MajorText {
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
func containerParts(h ceremony.Head, rest []byte) []*node {
	parts := []*node{}
	for i := uint64(0); h.Indefinite || i < h.Count; i++ {
		if h.Indefinite && len(rest) > 0 && rest[0] == 0xff {
			break
		}
		key, after, err := ceremony.CutItem(rest)
		if err != nil {
			break
		}
		if h.Major == ceremony.MajorArray {
			parts, rest = append(parts, cborNode(fmt.Sprintf("[%d]", i), key)), after
			continue
		}
		value, after, err := ceremony.CutItem(after)
		if err != nil {
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
	if n == nil || len(n.raw) == 0 || n.raw[0]>>5 != ceremony.MajorBytes {
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
