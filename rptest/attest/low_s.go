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
	low := s.Sub(n, s)
	size := low.BitLen()/8 + 1 // the first bit is the sign
	length := len(r) + 2 + size
	if length > 255 {
		return nil, errors.New("read signature: too long")
	}
	der := append(make([]byte, 0, len(sig)), byte(asn1.SEQUENCE))
	if length > 127 { // on P-521
		der = append(der, 0x81)
	}
	der = append(append(der, byte(length)), r...)
	der = append(der, byte(asn1.INTEGER), byte(size))
	return append(der, low.FillBytes(make([]byte, size))...), nil
}
