package ceremony

import (
	"bytes"
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
	h, rest, ok := CutHead(data)
	if !ok || h.Major != MajorMap || h.Indefinite {
		return nil, errors.New("not a CBOR map of definite length")
	}
	m := new(Map)
	for range h.Count {
		var p pair
		var err error
		if p.key, rest, err = CutItem(rest); err != nil {
			return nil, fmt.Errorf("CBOR map: %w", err)
		}
		if p.value, rest, err = CutItem(rest); err != nil {
			return nil, fmt.Errorf("CBOR map: %w", err)
		}
		m.pairs = append(m.pairs, p)
	}
	if len(rest) > 0 {
		return nil, errors.New("CBOR map: something follows it")
	}
	return m, nil
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
