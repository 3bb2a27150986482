package keystore

import (
	"context"

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
