package keystore

import (
	"context"
	"crypto"
	"io"
)

// Signer adapts a Key to crypto.Signer, for the life of ctx. The reader that its
// Sign receives is ignored: the root has its own randomness.
func Signer(ctx context.Context, k Key) crypto.Signer { return signer{ctx, k} }

type signer struct {
	ctx context.Context // crypto.Signer has no place for it
	key Key
}

func (s signer) Public() crypto.PublicKey { return s.key.Public() }

func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(s.ctx, digest, opts)
}
