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

// create makes a key pair: at random where there is no seed.
func (s *seeded) create(alg ctap.Algorithm, binding []byte) (*key, error) {
	if s == nil {
		return generateKey(alg)
	}
	return s.key(alg, binding)
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
	n := s.restart()
	installation, device := s.secrets(n)
	defer installation.Wipe()
	defer device.Wipe()
	gate := expand(&s.seed, binary.BigEndian.AppendUint64([]byte("gate\x00"), n))
	defer gate.Wipe()
	state.Installation, state.Device = *installation, *device
	state.start(gate)
}

// restart counts the starts before.
func (s *seeded) restart() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts++
	return s.starts - 1
}

// secrets derives those of a start. The caller wipes them.
func (s *seeded) secrets(n uint64) (installation, device *keystore.Secret) {
	return expand(&s.seed, []byte("installation\x00")), expand(&s.seed, binary.BigEndian.AppendUint64([]byte("device\x00"), n))
}
