package rptest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-77d61853/signet/keystore"
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
	return lowerS(sig, pub.Params().N)
}

// lowerS replaces an s that is as long as the group's order n, and so in the
// upper half, by n-s. The sliver of the upper half that is shorter is let be: no
// device meets it.
func lowerS(sig []byte, n *big.Int) ([]byte, error) {
	input := cryptobyte.String(sig)
	var pair, r cryptobyte.String
	var high []byte
	if !input.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1Element(&r, asn1.INTEGER) || !pair.ReadASN1Integer(&high) {
		return nil, errors.New("read signature: not a pair of integers")
	}
	s := new(big.Int).SetBytes(high)
	if s.BitLen() < n.BitLen() {
		return sig, nil
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(sig)))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(r)
		b.AddASN1BigInt(s.Sub(n, s))
	})
	return b.Bytes()
}
