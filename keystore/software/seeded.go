package software

import (
	"encoding/binary"
	"sync"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// seeded makes keys and states out of a seed, each a function of what it is for
// and of how many were made before for the same: other uses between them change
// nothing.
type seeded struct {
	seed keystore.Secret

	mu     sync.Mutex
	made   map[string]uint64 // keys, by algorithm and binding
	starts uint64
}

// key derives the next key of an algorithm and binding.
func (s *seeded) key(alg ctap.Algorithm, binding []byte) (*key, error) {
	label := alg.String()
	what := labelled("key", label, binding)
	s.mu.Lock()
	if s.made == nil {
		s.made = make(map[string]uint64)
	}
	n := s.made[string(what)]
	s.made[string(what)]++
	s.mu.Unlock()
	secret := expand(&s.seed, binary.BigEndian.AppendUint64(what, n))
	defer secret.Wipe()
	return deriveKey(alg, secret[:])
}

// start replaces the random secrets of a new state by derived ones.
func (s *seeded) start(state *State) {
	s.mu.Lock()
	n := s.starts
	s.starts++
	s.mu.Unlock()
	installation := expand(&s.seed, []byte("installation\x00"))
	defer installation.Wipe()
	device := expand(&s.seed, binary.BigEndian.AppendUint64([]byte("device\x00"), n))
	defer device.Wipe()
	gate := expand(&s.seed, binary.BigEndian.AppendUint64([]byte("gate\x00"), n))
	defer gate.Wipe()
	state.Installation, state.Device = *installation, *device
	state.start(gate)
}
