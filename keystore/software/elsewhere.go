package software

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// The gate of a root can be kept elsewhere, in a chip that counts the tries and
// guards the gate secret. Such a root is made with New of an ElsewhereState; its
// own Gate only tells whether it is open, and shuts.

// ElsewhereState makes the state of a root whose gate is kept elsewhere: with
// copies of the secret behind what survives Reset and the device secret, and
// with the gate's public key.
func ElsewhereState(installation, device *keystore.Secret, gatePublic [32]byte) *State {
	return &State{
		Installation: *installation,
		Device:       *device,
		Gate:         gateRecord{Set: true, Retries: ctap.MaxPINRetries, Public: gatePublic},
	}
}

// GatePublic returns the public key, an X25519 one, that belongs to a gate
// secret.
func GatePublic(secret *keystore.Secret) (public [32]byte, err error) {
	private, err := gateKey(secret)
	if err != nil {
		return public, fmt.Errorf("gate's public key: %w", err)
	}
	copy(public[:], private.PublicKey().Bytes())
	return public, nil
}

// OpenGate opens a gate that is kept elsewhere with its secret, which it takes
// over. An open gate stays as it is.
func (r *Root) OpenGate(secret *keystore.Secret) error {
	public, err := GatePublic(secret)
	if err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		err = fs.ErrClosed
	case public != r.state.Gate.Public:
		err = errors.New("the secret is another gate's")
	}
	if err != nil {
		secret.Wipe()
		return fmt.Errorf("open gate: %w", err)
	}
	r.unlock(secret)
	return nil
}

// GateSecret returns a copy of the secret of an open gate that is kept
// elsewhere: keystore.ErrGateShut while it is shut.
func (r *Root) GateSecret() (*keystore.Secret, error) {
	r.mu.RLock()
	closed := r.closed
	r.mu.RUnlock()
	if closed {
		return nil, fs.ErrClosed
	}
	return r.gateSecret()
}

// Renew is Reset for a root whose gate is kept elsewhere: all but what is under
// Installation dies, and the root goes on with another device secret and gate.
// It takes state over; its Installation must be the one from before.
func (r *Root) Renew(state *State) {
	defer state.Wipe()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.renew(state)
	}
}
