// Package keystore is the contract between the authenticator and whatever
// keeps its keys and remembers its credentials.
//
// A [Root] signs and seals: a TPM, an OS keyring, an encrypted file, memory. A
// [Gate], which every root has, is the PIN. A [Vault] remembers records. The
// engine never sees a private key, and never decides by itself whether a PIN
// is right. Package keystoretest holds one suite for each contract, which every
// root that outlives its process, and its twin in memory, run.
package keystore

import (
	"context"
	"crypto"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
)

// Errors of the contracts. They arrive wrapped; test with errors.Is. What is
// not there is fs.ErrNotExist.
var (
	// ErrGateShut tells that something Gated was asked for while the gate is
	// shut: the PIN has to be proven first.
	ErrGateShut = errors.New("keystore: the PIN gate is shut")
	// ErrNoPIN tells that the gate has no PIN to open it with.
	ErrNoPIN = errors.New("keystore: no PIN is set")
	// ErrWrongPIN tells that a try was spent and was wrong.
	ErrWrongPIN = errors.New("keystore: wrong PIN")
	// ErrPINBlocked tells that no try is left: only Reset helps.
	ErrPINBlocked = errors.New("keystore: no PIN try is left")
	// ErrGateLost tells that the gate's record was destroyed by somebody else:
	// what is Gated is gone and no PIN can be told right or wrong. Ungated
	// things still work, and Reset makes a new gate.
	ErrGateLost = errors.New("keystore: the PIN gate is gone: what it guarded cannot be used again, and a reset makes a new one")
	// ErrUnsupported tells that the root cannot make keys of an algorithm.
	ErrUnsupported = errors.New("keystore: algorithm not supported")
	// ErrCorrupt tells that stored data does not authenticate or decode; it is
	// never treated as absent.
	ErrCorrupt = errors.New("keystore: stored data is corrupt")
	// ErrNewerSchema tells that a newer program wrote the store.
	ErrNewerSchema = errors.New("keystore: written by a newer version of signet")
	// ErrInUse tells that another process has the store open.
	ErrInUse = errors.New("keystore: in use by another process")
)

// Protection says when a key or secret can be used.
type Protection int

const (
	// Ungated is usable while the store is open.
	Ungated Protection = iota
	// Gated is usable only while the PIN gate is open.
	Gated
	// Installation is as Ungated, but survives Reset: the vault's data key,
	// attestation keys.
	Installation
)

// A Handle names a key to the root that made it and means nothing to any other.
// It is safe to store; it may hold the key itself, sealed.
type Handle []byte

// A Key signs with one private key.
type Key interface {
	// Public returns the public half: an *ecdsa.PublicKey, a
	// *ctap.Secp256k1Point, an ed25519.PublicKey or an *rsa.PublicKey.
	Public() crypto.PublicKey
	// Sign signs a digest, or for Ed25519 the message itself (opts.HashFunc()
	// is then 0). ECDSA signatures are ASN.1 DER, Ed25519 ones 64 bytes, RSA
	// ones PKCS #1 v1.5. A Gated key answers ErrGateShut once the gate it was
	// opened through has been shut, any but an Installation key fs.ErrNotExist
	// after Reset (a Gated one may answer ErrGateShut).
	Sign(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
	// Close frees what the key holds. A closed key answers fs.ErrClosed.
	Close() error
}

// An Algorithm is one that a root can make keys of.
type Algorithm struct {
	ID ctap.Algorithm
	// InChip tells that the private key never leaves a chip. Otherwise it is
	// in this process's memory while it signs.
	InChip bool
}

// Keys makes and opens key pairs. A binding (the rpIdHash, say) is an arbitrary
// byte string that must be given again, unchanged, to open what was made with
// it. Safe for concurrent use.
type Keys interface {
	// Algorithms lists what Create accepts, in order of preference.
	Algorithms() []Algorithm
	// Create makes a key pair and returns its handle and the open key. It
	// works while the gate is shut, whatever the protection. ErrUnsupported
	// for an algorithm that is not listed.
	Create(ctx context.Context, alg ctap.Algorithm, binding []byte, p Protection) (Handle, Key, error)
	// Open returns the key behind a handle: fs.ErrNotExist where the handle
	// is not one of ours with this binding, ErrGateShut where it is Gated and
	// the gate is shut.
	Open(ctx context.Context, h Handle, binding []byte) (Key, error)
}

// Sealer encrypts and derives secrets under the root's own. Safe for concurrent
// use.
type Sealer interface {
	// Seal encrypts plain. Gated, it encrypts to the gate's public key, so
	// that it works while the gate is shut.
	Seal(ctx context.Context, plain, binding []byte, p Protection) ([]byte, error)
	// Unseal decrypts what Seal made with the same binding: fs.ErrNotExist
	// where it is not ours, ErrGateShut where it is Gated and the gate is shut.
	Unseal(ctx context.Context, sealed, binding []byte) ([]byte, error)
	// Derive returns 32 bytes that depend on the root's secret, label, binding
	// and protection, and on nothing else: the same again after a restart and
	// a PIN change, never again after Reset (unless Installation).
	Derive(ctx context.Context, label string, binding []byte, p Protection) ([32]byte, error)
}

// GateState is what can be known of a gate without the PIN.
type GateState struct {
	// Set tells whether a PIN is set.
	Set bool
	// Open tells whether Gated things can be used now.
	Open bool
	// Retries is the number of tries left, at most ctap.MaxPINRetries.
	Retries int
}

// A Gate is the PIN, enforced by the root. A PIN arrives as its pinHash: the
// first 16 bytes of the PIN's SHA-256 (§6.5.5). Safe for concurrent use.
type Gate interface {
	// State reads the gate's record. An absent or corrupt record is an error,
	// never "no PIN".
	State(ctx context.Context) (GateState, error)
	// SetPIN sets the first PIN, or changes it while the gate is open
	// (ErrGateShut otherwise). ErrPINBlocked where no try is left, even while
	// the gate is still open (§6.5.5.6): it would give tries back that only
	// Reset does. A pinHash that is not 16 bytes is an error. It
	// is one atomic step: after a crash either the old or the new PIN is
	// right, never both, never neither. What is sealed behind the gate stays,
	// and the tries are full again. Afterwards the gate is open if it was, and
	// stays shut after a first PIN.
	SetPIN(ctx context.Context, pinHash []byte) error
	// Open opens the gate. The try is spent durably before it is judged; a
	// right PIN gives all tries back. Anything but the right 16 bytes is
	// ErrWrongPIN; ErrPINBlocked where no try was left or the last one was
	// wrong; ErrNoPIN where none is set. A wrong PIN leaves an open gate open.
	Open(ctx context.Context, pinHash []byte) error
	// Shut forgets the gate secret and kills the Gated keys that Keys.Open and
	// Keys.Create gave out.
	Shut()
}

// A Root keeps the keys.
type Root interface {
	Keys
	Sealer
	// Gate returns the root's PIN gate, always the same one.
	Gate() Gate
	// Reset destroys every secret but those under Installation, durably, and
	// the PIN with them. The secrets die first, so after a crash nothing made
	// before opens. Repeatable.
	Reset(ctx context.Context) error
	// Close wipes the root's secrets from memory. Afterwards everything, its
	// open keys too, answers fs.ErrClosed. Repeatable.
	Close() error
}
