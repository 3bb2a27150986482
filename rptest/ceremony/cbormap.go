package ceremony

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// Map is a CBOR map whose pairs keep their order, and may be there twice. Its
// methods remember the first error, which CBOR's caller gets from Err.
type Map struct {
	pairs []pair
	err   error
}

type pair struct{ key, value []byte } // encoded

// ParseMap reads a CBOR map of definite length.
func ParseMap(data []byte) (*Map, error) {
	n, rest, err := mapHead(data)
	if err != nil {
		return nil, err
	}
	m := new(Map)
	for range n {
		var p pair
		if p.key, rest, err = item(rest); err != nil {
			return nil, err
		}
		if p.value, rest, err = item(rest); err != nil {
			return nil, err
		}
		m.pairs = append(m.pairs, p)
	}
	if len(rest) > 0 {
		return nil, errors.New("CBOR map: something follows it")
	}
	return m, nil
}

// mapHead reads a map's head with its number of pairs.
func mapHead(data []byte) (n uint64, rest []byte, err error) {
	const majorMap = 0xa0
	if len(data) == 0 || data[0]&0xe0 != majorMap {
		return 0, nil, errors.New("not a CBOR map")
	}
	info, rest := data[0]&0x1f, data[1:]
	switch {
	case info < 24:
		return uint64(info), rest, nil
	case info <= 26 && len(rest) >= 1<<(info-24):
		size := 1 << (info - 24)
		var b [8]byte
		copy(b[8-size:], rest)
		return binary.BigEndian.Uint64(b[:]), rest[size:], nil
	}
	return 0, nil, errors.New("CBOR map: unknown length")
}

func item(data []byte) (one, rest []byte, err error) {
	var raw cbor.RawMessage
	if rest, err = cbor.UnmarshalFirst(data, &raw); err != nil {
		return nil, nil, fmt.Errorf("CBOR map: %w", err)
	}
	return raw, rest, nil
}

func (m *Map) encode(v any) []byte {
	if raw, ok := v.(ctap.RawMessage); ok {
		return slices.Clone(raw) // also what CTAP would not let pass
	}
	b, err := cbor.Marshal(v)
	if err != nil && m.err == nil {
		m.err = fmt.Errorf("CBOR map: %w", err)
	}
	return b
}

// Err returns the first error of a method before.
func (m *Map) Err() error { return m.err }

// Get returns the encoded value of a key; nil where there is none.
func (m *Map) Get(key any) []byte {
	k := m.encode(key)
	for _, p := range m.pairs {
		if bytes.Equal(p.key, k) {
			return p.value
		}
	}
	return nil
}

// Set gives a key another value, or appends a pair. A ctap.RawMessage is taken
// as it is.
func (m *Map) Set(key, value any) {
	k, v := m.encode(key), m.encode(value)
	for i := range m.pairs {
		if bytes.Equal(m.pairs[i].key, k) {
			m.pairs[i].value = v
			return
		}
	}
	m.pairs = append(m.pairs, pair{k, v})
}

// Add appends a pair, also where there is one of its key.
func (m *Map) Add(key, value any) {
	m.pairs = append(m.pairs, pair{m.encode(key), m.encode(value)})
}

// Duplicate adds a pair right behind the first of its key, where canonical order
// would have it; at the end where there is none.
func (m *Map) Duplicate(key, value any) {
	p := pair{m.encode(key), m.encode(value)}
	at := len(m.pairs)
	if i := slices.IndexFunc(m.pairs, func(q pair) bool { return bytes.Equal(q.key, p.key) }); i >= 0 {
		at = i + 1
	}
	m.pairs = slices.Insert(m.pairs, at, p)
}

// Rename gives a key's pair another key.
func (m *Map) Rename(key, to any) {
	k := m.encode(key)
	for i := range m.pairs {
		if bytes.Equal(m.pairs[i].key, k) {
			m.pairs[i].key = m.encode(to)
		}
	}
}

// Delete removes all pairs of a key.
func (m *Map) Delete(key any) {
	k := m.encode(key)
	m.pairs = slices.DeleteFunc(m.pairs, func(p pair) bool { return bytes.Equal(p.key, k) })
}

// Reverse turns the order of the pairs round.
func (m *Map) Reverse() { slices.Reverse(m.pairs) }

// Clone returns a copy.
func (m *Map) Clone() *Map { return &Map{slices.Clone(m.pairs), m.err} }

// CBOR encodes the pairs in their order.
func (m *Map) CBOR() []byte {
	b := head(0xa0, len(m.pairs))
	return append(b, m.body()...)
}

// Indefinite encodes the map without saying how long it is.
func (m *Map) Indefinite() []byte {
	b := append([]byte{0xbf}, m.body()...)
	return append(b, 0xff)
}

func (m *Map) body() []byte {
	var b []byte
	for _, p := range m.pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return b
}

// head encodes a major type and a length below 65536.
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 256:
		return []byte{major | 24, byte(n)}
	}
	return []byte{major | 25, byte(n >> 8), byte(n)}
}
