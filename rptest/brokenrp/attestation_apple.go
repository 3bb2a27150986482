package brokenrp

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
)

var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// apple is the verification procedure of WebAuthn §8.8.
func (c *ceremony) apple(s *statement) (*verdict, error) {
	chain, err := c.chain(s.stmt)
	if err != nil || len(chain) == 0 {
		return &verdict{}, err
	}
	want := sha256.Sum256(s.attested())
	for _, e := range chain[0].Extensions {
		if !e.Id.Equal(oidAppleNonce) {
			continue
		}
		var value struct {
			Nonce []byte `asn1:"tag:1,explicit"`
		}
		if rest, err := asn1.Unmarshal(e.Value, &value); err != nil || len(rest) > 0 {
			return nil, errors.New("apple: the nonce is malformed")
		}
		return &verdict{chain: chain}, c.first(
			rule{"apple.nonce", bytes.Equal(value.Nonce, want[:])},
			rule{"apple.key", sameKey(s.key.key, chain[0].PublicKey)},
		)
	}
	return &verdict{chain: chain}, c.first(
		rule{"apple.nonce.present", false},
		rule{"apple.key", sameKey(s.key.key, chain[0].PublicKey)},
	)
}
