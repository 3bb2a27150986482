package software

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A State is encoded as
//
//	version (1) ‖ Installation (32) ‖ device (32) ‖ PIN set (1) ‖ tries (1) ‖
//	KDF (9) ‖ salt (16) ‖ gate's public key (32) ‖ wrapped gate secret (60)
const (
	stateVersion = 1
	stateSize    = 1 + 32 + 32 + 1 + 1 + kdfSize + 16 + 32 + wrappedSize
	kdfSize      = 9
)

// AppendBinary implements encoding.BinaryAppender. What it appends is secret.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	g := &s.Gate
	set := byte(0)
	if g.Set {
		set = 1
	}
	b = append(b, stateVersion)
	b = append(append(b, s.Installation[:]...), s.Device[:]...)
	b = append(b, set, byte(g.Retries))
	b, err := g.KDF.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	b = append(append(b, g.Salt[:]...), g.Public[:]...)
	return append(b, g.Wrapped[:]...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: keystore.ErrNewerSchema
// for an encoding of a newer version, keystore.ErrCorrupt for what is none.
func (s *State) UnmarshalBinary(b []byte) error {
	if len(b) > 0 && b[0] > stateVersion {
		return fmt.Errorf("root's state of version %d: %w", b[0], keystore.ErrNewerSchema)
	}
	if len(b) != stateSize || b[0] != stateVersion {
		return fmt.Errorf("root's state of %d bytes: %w", len(b), keystore.ErrCorrupt)
	}
	b = b[1:]
	next := func(n int) []byte {
		field := b[:n]
		b = b[n:]
		return field
	}
	g := &s.Gate
	copy(s.Installation[:], next(32))
	copy(s.Device[:], next(32))
	set := next(1)[0]
	g.Set, g.Retries = set == 1, int(next(1)[0])
	if err := g.KDF.UnmarshalBinary(next(kdfSize)); err != nil {
		return err
	}
	copy(g.Salt[:], next(16))
	copy(g.Public[:], next(32))
	copy(g.Wrapped[:], next(wrappedSize))
	if set > 1 || g.Retries > ctap.MaxPINRetries {
		return fmt.Errorf("root's PIN record: %w", keystore.ErrCorrupt)
	}
	return nil
}

// The most that KDF parameters may ask for: a stored file must not be able to
// take the machine's memory or its day.
const (
	maxTime    = 64
	maxMemory  = 1 << 20 // KiB
	maxThreads = 64
)

// Check tells whether the parameters are within bounds.
func (k KDF) Check() error {
	if k == (KDF{}) {
		return nil
	}
	if k.Time < 1 || k.Time > maxTime || k.Threads < 1 || k.Threads > maxThreads ||
		k.Memory < 8*uint32(k.Threads) || k.Memory > maxMemory {
		return errors.New("Argon2id parameters out of bounds")
	}
	return nil
}

// AppendBinary implements encoding.BinaryAppender: time and memory in four
// bytes, threads in one.
func (k KDF) AppendBinary(b []byte) ([]byte, error) {
	if err := k.Check(); err != nil {
		return nil, err
	}
	b = binary.BigEndian.AppendUint32(b, k.Time)
	b = binary.BigEndian.AppendUint32(b, k.Memory)
	return append(b, k.Threads), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: keystore.ErrCorrupt
// for parameters out of bounds.
func (k *KDF) UnmarshalBinary(b []byte) error {
	if len(b) != kdfSize {
		return fmt.Errorf("Argon2id parameters of %d bytes: %w", len(b), keystore.ErrCorrupt)
	}
	*k = KDF{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8]}
	if err := k.Check(); err != nil {
		return fmt.Errorf("%w: %w", err, keystore.ErrCorrupt)
	}
	return nil
}
