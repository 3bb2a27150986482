package rptest

import (
	"context"
	"crypto"
	"crypto/ecdsa"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// lowS is a key whose ECDSA signatures have s in the lower half, as every
// verifier takes them: a site that refuses the others does so in the case that is
// about it, and not in every second control.
type lowS struct{ keystore.Key }

// Sign implements keystore.Key.
func (k lowS) Sign(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := k.Key.Sign(ctx, digest, opts)
	if err != nil {
		return nil, err
	}
	pub, ok := k.Public().(*ecdsa.PublicKey)
	if !ok {
		return sig, nil
	}
	return attest.LowerS(sig, pub.Params().N)
}
