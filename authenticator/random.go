package authenticator

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
)

// random gives the device its random bytes. With a seed they are HKDF of the
// seed, the purpose, whatever parts name the use (site, user) and how many were
// drawn for the same before: so the order of use does not matter.
type random struct {
	seed []byte

	mu    sync.Mutex
	drawn map[string]uint64
}

func newRandom(seed []byte) *random {
	if seed == nil {
		return &random{}
	}
	return &random{seed: seed, drawn: map[string]uint64{}}
}

// seedFor gives another component a seed of its own; nil where there is none.
func (r *random) seedFor(component string) []byte {
	if r.seed == nil {
		return nil
	}
	return r.bytes(32, component)
}

// bytes draws n bytes.
func (r *random) bytes(n int, purpose string, parts ...[]byte) []byte {
	if r.seed == nil {
		b := make([]byte, n)
		rand.Read(b)
		return b
	}
	info := describe(purpose, parts)
	r.mu.Lock()
	before := r.drawn[info]
	r.drawn[info]++
	r.mu.Unlock()
	b, err := hkdf.Key(sha256.New, r.seed, nil, fmt.Sprintf("%s%d", info, before), n)
	if err != nil {
		// Only a length over 8160 bytes fails, and none is asked for.
		return make([]byte, n)
	}
	return b
}

// describe joins without ambiguity: each part carries its length.
func describe(purpose string, parts [][]byte) string {
	var s strings.Builder
	s.WriteString("signet " + purpose)
	for _, p := range parts {
		s.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		s.Write(p)
	}
	s.WriteByte('#')
	return s.String()
}

func (r *random) bytes16(purpose string, parts ...[]byte) [16]byte {
	return [16]byte(r.bytes(16, purpose, parts...))
}

func (r *random) bytes32(purpose string, parts ...[]byte) [32]byte {
	return [32]byte(r.bytes(32, purpose, parts...))
}
