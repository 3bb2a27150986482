package rptest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"math/big"

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
	if sIsShort(sig, n) {
		return sig, nil
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		return nil, fmt.Errorf("read signature: %w", err)
	}
	if v.S.BitLen() < n.BitLen() {
		return sig, nil
	}
	v.S.Sub(n, v.S)
	return asn1.Marshal(v)
}

// sIsShort looks at the lengths of r and s in a short DER signature: an s with n's
// top bit set takes a byte more than n does without it.
func sIsShort(sig []byte, n *big.Int) bool {
	const head = 4 // SEQUENCE, its length, INTEGER, r's length
	if len(sig) < head || sig[1] >= 0x80 || len(sig) < head+int(sig[3])+2 {
		return false
	}
	return int(sig[head+sig[3]+1]) <= n.BitLen()/8
}
