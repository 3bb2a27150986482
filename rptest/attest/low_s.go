package attest

import (
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// LowerS replaces an s that is as long as the group's order n, and so in the
// upper half, by n-s. The sliver of the upper half that is shorter is let be: no
// device meets it. Sites that refuse a high s, which is valid, then do so in the
// case that is about it alone.
func LowerS(sig []byte, n *big.Int) ([]byte, error) {
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
