package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"testing"
)

func TestLowerS(t *testing.T) {
	digest := make([]byte, 32)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		n := curve.Params().N
		half := new(big.Int).Rsh(n, 1)
		for range 100 {
			sig, err := ecdsa.SignASN1(rand.Reader, key, digest)
			if err != nil {
				t.Fatal(err)
			}
			low, err := LowerS(sig, n)
			if err != nil {
				t.Fatal(err)
			}
			var v struct{ R, S *big.Int }
			if _, err := asn1.Unmarshal(low, &v); err != nil {
				t.Fatal(err)
			}
			if v.S.Cmp(half) > 0 || !ecdsa.VerifyASN1(&key.PublicKey, digest, low) {
				t.Fatalf("%s: %x became %x", curve.Params().Name, sig, low)
			}
		}
	}
}
