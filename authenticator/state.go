package authenticator

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// state is the device's one record about itself.
type state struct {
	Version  uint64 `cbor:"1,keyasint"`
	Copyable bool   `cbor:"2,keyasint"` // fixed when the store is made: flag BE
	BackedUp bool   `cbor:"3,keyasint"` // flag BS
	Run      uint64 `cbor:"4,keyasint"` // see counter
	// RunBase is where the chip's number stood when the store was made; 0 on
	// a root that does not count.
	RunBase         uint64   `cbor:"22,keyasint,omitempty"`
	DeviceID        [16]byte `cbor:"5,keyasint"` // encIdentifier's content
	CredStoreState  [16]byte `cbor:"6,keyasint"` // encCredStoreState's content
	PersistentToken [32]byte `cbor:"7,keyasint"`

	MinPINLength      uint64   `cbor:"8,keyasint"`
	MinPINLengthRPIDs []string `cbor:"9,keyasint,omitempty"`
	ForcePINChange    bool     `cbor:"10,keyasint"`
	PINComplexity     bool     `cbor:"11,keyasint"`
	AlwaysUv          bool     `cbor:"12,keyasint"`
	Enterprise        bool     `cbor:"13,keyasint"`
	LongTouchForReset bool     `cbor:"23,keyasint,omitempty"`

	PINCodePoints uint64     `cbor:"14,keyasint"`
	PINComplex    bool       `cbor:"15,keyasint"`
	PINIntent     *pinIntent `cbor:"16,keyasint,omitempty"`
	ResetIntent   bool       `cbor:"17,keyasint,omitempty"`
	// PINSet tells that a PIN was set since the last reset, whatever the gate
	// says: in a chip that is a mark that it shows everyone, and whoever speaks
	// on its bus can answer in its place.
	PINSet bool `cbor:"24,keyasint,omitempty"`

	Discoverable uint64 `cbor:"18,keyasint"` // how many there are
	RPs          uint64 `cbor:"19,keyasint"` // how many sites have some
	// Credentials is how many there are in all, and one; 0 where the vault is of
	// a program that did not count them.
	Credentials uint64 `cbor:"25,keyasint,omitempty"`

	// Installation's attestation root and serial number, made when first
	// wanted; both survive a reset.
	Issuer *issuer  `cbor:"20,keyasint,omitempty"`
	Serial [16]byte `cbor:"21,keyasint"`
}

// stateVersion is the newest layout of the records that this program knows.
const stateVersion = 1

var stateID = []byte("state")

// takePIN applies what a PIN that the gate has taken brings with it.
func (s *state) takePIN() {
	if s.PINIntent == nil {
		return
	}
	s.PINSet = true
	s.PINCodePoints, s.PINComplex = s.PINIntent.CodePoints, s.PINIntent.Complex
	// The rules can have become stricter since the PIN passed them.
	s.ForcePINChange, s.PINIntent = s.PINCodePoints < s.MinPINLength, nil
}

// fresh returns the state of a device that was just made or reset. Previous is
// nil or the state before the reset.
func (a *Authenticator) fresh(copyable bool, previous *state) state {
	s := state{
		Version:         stateVersion,
		Copyable:        copyable,
		DeviceID:        a.random.bytes16("device identifier"),
		CredStoreState:  a.random.bytes16("credential store state"),
		PersistentToken: a.random.bytes32("persistent token"),
		MinPINLength:    uint64(a.profile.MinPINLength),
		AlwaysUv:        a.profile.AlwaysUv,
		Serial:          a.random.bytes16("serial number"),
		Credentials:     1,
	}
	if previous != nil {
		s.Copyable, s.Issuer, s.Serial = previous.Copyable, previous.Issuer, previous.Serial
		s.Run, s.RunBase = previous.Run, previous.RunBase
	}
	s.BackedUp = s.Copyable && a.backedUp
	return s
}

// load reads the state, or makes it where the vault is new, and settles with
// the gate what a crash left between the two. A vault without a state that is not
// new has lost it: a fresh one would have neither the device's settings nor what
// sites were told of its passkeys.
func (a *Authenticator) load(ctx context.Context, copyable bool) error {
	gate, err := a.gate.State(ctx)
	taken := err == nil && gate.Set
	switch {
	case errors.Is(err, keystore.ErrGateLost):
		// Passkeys that need no PIN go on working. Whatever asks for the PIN
		// fails, as if one were set that nobody knows.
		a.log.Error("the PIN gate was destroyed", "error", err)
		gate.Set = true
	case err != nil:
		return fmt.Errorf("read PIN state: %w", err)
	}
	a.pinSet = gate.Set

	var s state
	err = a.vault.View(ctx, func(tx keystore.Tx) error { return get(tx, stateID, &s) })
	made := errors.Is(err, fs.ErrNotExist)
	durable, outlives := a.vault.Vault.(keystore.DurableVault)
	switch {
	case made:
		if outlives && !durable.New() {
			return fmt.Errorf("the device's state is gone from the vault: %w", keystore.ErrCorrupt)
		}
		a.state = a.fresh(copyable, nil)
	case err != nil:
		return fmt.Errorf("read the device's state: %w", err)
	case s.Version > stateVersion:
		return fmt.Errorf("the device's state has layout %d: %w", s.Version, keystore.ErrNewerSchema)
	default:
		a.state = s
	}
	if err := a.finishReset(ctx); err != nil {
		return err
	}
	if a.state.PINSet && !a.pinSet {
		a.log.Error("the PIN gate says that no PIN is set, but one was: nothing that asks for a PIN works before it says otherwise")
		a.pinSet = true
	}
	settle := func(s *state) {
		s.PINSet = s.PINSet || taken && a.pinSet
		if i := s.PINIntent; i != nil && i.Proof == nil {
			if a.pinSet {
				s.takePIN()
			}
			s.PINIntent = nil
		}
		a.raiseMinPINLength(s)
	}
	if made && !outlives {
		settle(&a.state)
		a.adopt(a.state)
		return nil // the first change writes it, before there is anything to lose
	}
	return a.change(ctx, settle)
}

// raiseMinPINLength applies a profile that has become stricter than the device
// was: a PIN that is too short now has to be changed, as after setMinPINLength
// (§6.11.4).
func (a *Authenticator) raiseMinPINLength(s *state) {
	length := uint64(a.profile.MinPINLength)
	if length <= s.MinPINLength {
		return
	}
	s.MinPINLength = length
	if a.pinSet && s.PINCodePoints < length {
		s.ForcePINChange = true
		s.PersistentToken = a.random.bytes32("persistent token")
	}
}

// change makes f's changes to the state durable, then its own.
func (a *Authenticator) change(ctx context.Context, f func(*state)) error {
	return a.changeWith(ctx, func(_ keystore.Tx, s *state) error { f(s); return nil })
}

// changeWith is change for what must go into the vault together with the state.
func (a *Authenticator) changeWith(ctx context.Context, f func(keystore.Tx, *state) error) error {
	next := a.state
	next.MinPINLengthRPIDs = slices.Clone(next.MinPINLengthRPIDs)
	err := a.vault.Update(context.WithoutCancel(ctx), func(tx keystore.Tx) error {
		if err := f(tx, &next); err != nil {
			return err
		}
		return put(tx, stateID, &next)
	})
	if err != nil {
		return fmt.Errorf("write to the vault: %w", err)
	}
	a.adopt(next)
	return nil
}

// adopt makes a state the device's.
func (a *Authenticator) adopt(s state) {
	a.state = s
	a.u2f.Store(a.profile.U2F && !s.AlwaysUv)
}

// get decodes a record into v: fs.ErrNotExist where there is none.
func get(tx keystore.Tx, id []byte, v any) error {
	r, err := tx.Get(id)
	if err != nil {
		return err
	}
	return decode(r, v)
}

func decode(r keystore.Record, v any) error {
	if err := ctap.Unmarshal(r.Value, v); err != nil {
		return fmt.Errorf("record %x: %w: %v", r.ID, keystore.ErrCorrupt, err)
	}
	return nil
}

// put encodes v as a record on the given lists.
func put(tx keystore.Tx, id []byte, v any, on ...keystore.Index) error {
	value, err := ctap.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(keystore.Record{ID: id, Value: value}, on...)
}

func constantTimeEqual(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
