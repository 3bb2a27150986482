package keystore

import (
	"context"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
)

// A Counter is a Root with a number that only rises, whatever happens to files.
type Counter interface {
	// NextRun raises the number and returns it. It may skip some.
	NextRun(ctx context.Context) (uint64, error)
}

// An Attester is a Root that can state that a key is in its chip.
type Attester interface {
	// Attest makes the statement of WebAuthn §8.3 on a key that Create or Open
	// gave out, over attToBeSigned: the authenticator data and the hash of the
	// client data. ErrUnsupported for a key that is not in the chip. The
	// certificates are the same for all keys of an installation, so sites can
	// tell by them that two passkeys are of one device.
	Attest(ctx context.Context, k Key, attToBeSigned []byte) (*ctap.TPMStatement, error)
}

// An AttestationIssuer is an Attester whose certificates lead to one that a site
// can be told of.
type AttestationIssuer interface {
	Attester
	// AttestationRoot returns that certificate, in DER.
	AttestationRoot(ctx context.Context) ([]byte, error)
}

// A DurableVault is a Vault that outlives the process, and so can lose what was in
// it.
type DurableVault interface {
	Vault
	// New tells whether this process has made the vault. One that was found
	// holds what its device put there at first.
	New() bool
}

// A ResetChecker is a Root whose Reset can lack something that only its owner
// gives.
type ResetChecker interface {
	// CheckReset returns the error with which Reset would fail now, and changes
	// nothing.
	CheckReset(ctx context.Context) error
}

// ErrInChip tells that a private key is in a chip and never leaves it.
var ErrInChip = errors.New("keystore: the key is in a chip and cannot leave it")

// An Exporter is a Root that can give out private keys, for a device that moves
// or is backed up.
type Exporter interface {
	// ExportKey returns the private key behind a handle: for ECDSA the scalar,
	// big-endian at the curve's full width, for EdDSA the seed of RFC 8032, for
	// RS256 a PKCS #1 RSAPrivateKey in DER. The caller wipes it. ErrInChip for
	// a key in a chip; else errors are those of Keys.Open.
	ExportKey(ctx context.Context, h Handle, binding []byte) (ctap.Algorithm, []byte, error)
}

// An Importer is a Root that takes over private keys that were made elsewhere.
type Importer interface {
	// ImportKey takes over what ExportKey gave, as if Create had made it, and
	// returns its handle; it works while the gate is shut. The key is in memory
	// while it signs, also on a root with a chip. ErrUnsupported for an
	// algorithm that the root does not take, and an error for a key that is
	// none.
	ImportKey(ctx context.Context, alg ctap.Algorithm, private, binding []byte, p Protection) (Handle, error)
}

// A Locator is a Root with keys in a chip and outside of it.
type Locator interface {
	// InChip tells whether the key behind a handle is in the chip. It says
	// nothing on whether the handle opens.
	InChip(h Handle) bool
}
