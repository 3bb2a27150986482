// Package memory keeps keys and records in memory: the twins of the durable
// root and vault, for tests and for devices that are made and dropped.
package memory

import (
	"github.com/seed-77d61853/signet/keystore/software"
)

// keepOpen bounds the opened keys that a root keeps: some 60 MB of them.
const keepOpen = 1 << 15

// Root is a software root that nothing outlives. It implements keystore.Root;
// a PIN is not stretched, and is gone with the root.
type Root struct{ *software.Root }

// NewRoot makes a root. With a seed, of any length, each key is a function of
// the seed, the algorithm, the binding and how many were made before with that
// binding, derived secrets are functions of the seed, and signatures are
// deterministic. With nil all is random.
func NewRoot(seed []byte) *Root {
	return &Root{software.New(software.NewState(), software.Options{Seed: seed, KeepOpen: keepOpen})}
}
