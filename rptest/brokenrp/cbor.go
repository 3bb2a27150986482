package brokenrp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// item is one CBOR item (RFC 8949), with what is odd in it, for every oddity is
// a check of its own.
type item struct {
	major byte
	n     uint64 // the head's argument
	str   []byte // of strings
	items []item // of arrays; of maps, keys and values in turn
	raw   []byte // the encoding, tag included
	odd   oddity // its own and of all within it
}

type oddity byte

const (
	indefinite oddity = 1 << iota
	tagged
	unsorted
	duplicate
	longHead
)

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

// maxDepth is how deep items may nest.
const maxDepth = 16

// reader decodes CBOR. Its stack is as long as any input of a real device needs.
type reader struct {
	c    *ceremony
	open [4 * maxDepth]byte // major types of the open items, the outermost first
}

var errCut = errors.New("CBOR: cut short")

// decode reads the item at the start of data.
func (c *ceremony) decode(data []byte) (it item, rest []byte, err error) {
	r := &reader{c: c}
	return r.item(data, 0)
}

func (r *reader) item(data []byte, depth int) (it item, rest []byte, err error) {
	if err := r.c.limit("cbor.depth", depth <= maxDepth, "nested too deep"); err != nil {
		return it, nil, err
	}
	start := data
	it.major, it.n, rest, it.odd, err = head(data)
	if err != nil {
		return it, nil, err
	}
	r.open[depth] = it.major
	switch it.major {
	case majorBytes, majorText:
		it, rest, err = r.string(it, rest, depth)
	case majorArray, majorMap:
		it, rest, err = r.container(it, rest, depth)
	case majorTag:
		var inner item
		if inner, rest, err = r.item(rest, depth+1); err == nil {
			inner.odd |= it.odd | tagged
			it = inner
		}
	}
	if err != nil {
		return it, nil, err
	}
	it.raw = start[:len(start)-len(rest)]
	return it, rest, nil
}

func (r *reader) string(it item, rest []byte, depth int) (item, []byte, error) {
	if it.odd&indefinite == 0 {
		if err := r.c.limit("cbor.length", it.n <= uint64(len(rest)), "a string is cut short"); err != nil {
			return it, nil, err
		}
		rest = rest[:len(rest):len(rest)]
		it.str = rest[:it.n:it.n]
		return it, rest[it.n:], nil
	}
	for {
		if len(rest) == 0 {
			return it, nil, errCut
		}
		if rest[0] == 0xFF {
			return it, rest[1:], nil
		}
		chunk, after, err := r.item(rest, depth+1)
		if err != nil || chunk.major != it.major || chunk.odd&indefinite != 0 {
			return it, nil, errors.Join(errCut, err)
		}
		it.str = append(it.str, chunk.str...)
		rest = after
	}
}

func (r *reader) container(it item, rest []byte, depth int) (item, []byte, error) {
	count := it.n
	if it.major == majorMap {
		if count > 1<<32 {
			return it, nil, errCut
		}
		count *= 2
	}
	for i := uint64(0); it.odd&indefinite != 0 || i < count; i++ {
		if len(rest) > 0 && rest[0] == 0xFF && it.odd&indefinite != 0 {
			rest = rest[1:]
			break
		}
		child, after, err := r.item(rest, depth+1)
		if err != nil {
			return it, nil, err
		}
		it.items, rest = append(it.items, child), after
	}
	for _, child := range it.items {
		it.odd |= child.odd &^ (unsorted | duplicate)
	}
	if it.major == majorMap {
		if len(it.items)%2 != 0 {
			return it, nil, errCut
		}
		it.odd |= keysOdd(it.items)
	}
	return it, rest, nil
}

// keysOdd tells of keys that are there twice or out of canonical order.
func keysOdd(pairs []item) (odd oddity) {
	seen := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		key := string(pairs[i].raw)
		if seen[key] {
			odd |= duplicate
		} else if i > 0 && bytes.Compare(pairs[i-2].raw, pairs[i].raw) > 0 {
			odd |= unsorted
		}
		seen[key] = true
	}
	return odd
}

// head reads an item's head.
func head(data []byte) (major byte, n uint64, rest []byte, odd oddity, err error) {
	if len(data) == 0 {
		return 0, 0, nil, 0, errCut
	}
	major, info, rest := data[0]>>5, data[0]&0x1F, data[1:]
	switch {
	case info < 24:
		return major, uint64(info), rest, 0, nil
	case info == 31 && major >= majorBytes && major <= majorMap:
		return major, 0, rest, indefinite, nil
	case info > 27:
		return 0, 0, nil, 0, fmt.Errorf("CBOR: head %#x", data[0])
	}
	size := 1 << (info - 24)
	if len(rest) < size {
		return 0, 0, nil, 0, errCut
	}
	var wide [8]byte
	copy(wide[8-size:], rest)
	n = binary.BigEndian.Uint64(wide[:])
	if size == 1 && n < 24 || size > 1 && n>>(4*size) == 0 {
		odd = longHead
	}
	return major, n, rest[size:], odd, nil
}

// limit is a check that only registration has as a switch, for only it reads
// much CBOR.
func (c *ceremony) limit(name string, ok bool, message string) error {
	if ok {
		return nil
	}
	return c.refuse(name, message)
}

// get gives the value of a map's key, the last of equal ones.
func (it item) get(key func(item) bool) (item, bool) {
	if it.major != majorMap {
		return item{}, false
	}
	for i := len(it.items) - 2; i >= 0; i -= 2 {
		if key(it.items[i]) {
			return it.items[i+1], true
		}
	}
	return item{}, false
}

// member gives the value of a text key.
func (it item) member(name string) (item, bool) {
	return it.get(func(k item) bool { return k.major == majorText && string(k.str) == name })
}

// label gives the value of an integer key.
func (it item) label(n int64) (item, bool) {
	return it.get(func(k item) bool { v, ok := k.int(); return ok && v == n })
}

// int gives an integer.
func (it item) int() (int64, bool) {
	switch {
	case it.n > 1<<62, it.major > majorNegative || it.raw == nil:
		return 0, false
	case it.major == majorNegative:
		return -1 - int64(it.n), true
	}
	return int64(it.n), true
}

// bytes gives a byte string.
func (it item) bytes() ([]byte, bool) { return it.str, it.major == majorBytes && it.raw != nil }

// onlyMembers reports whether a map has none but the given text keys.
func (it item) onlyMembers(names ...string) bool {
	for i := 0; i < len(it.items); i += 2 {
		known := false
		for _, name := range names {
			known = known || it.items[i].major == majorText && string(it.items[i].str) == name
		}
		if !known {
			return false
		}
	}
	return true
}
