package brokenrp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
)

// fidoU2F is the verification procedure of WebAuthn §8.6.
func (c *ceremony) fidoU2F(s *statement) (*verdict, error) {
	b, _ := s.stmt.member("sig")
	sig, hasSig := b.bytes()
	x5c, _ := s.stmt.member("x5c")
	err := c.first(
		rule{"u2f.x5c.present", x5c.major == majorArray && len(x5c.items) > 0},
		rule{"u2f.x5c.single", len(x5c.items) <= 1},
		rule{"u2f.aaguid", bytes.Equal(s.auth.aaguid, make([]byte, 16))},
	)
	if err != nil || x5c.major != majorArray || len(x5c.items) == 0 {
		return &verdict{}, err
	}
	chain, err := c.chain(s.stmt)
	if err != nil || len(chain) == 0 {
		return &verdict{}, err
	}
	key, isEC := s.key.key.(*ecdsa.PublicKey)
	if !isEC || key.Curve != elliptic.P256() {
		return nil, errors.New("fido-u2f: a key that is not on P-256")
	}
	if err := c.first(rule{"statement.sig", hasSig}); err != nil || !hasSig {
		return &verdict{}, err
	}
	cert, isEC := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !isEC {
		return nil, errors.New("fido-u2f: the certificate's key is not on a curve")
	}
	if err := c.first(rule{"u2f.cert.curve", cert.Curve == elliptic.P256()}); err != nil {
		return nil, err
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	data := append([]byte{0}, s.auth.rpIDHash...)
	data = append(append(data, s.hash...), s.auth.credentialID...)
	return &verdict{chain: chain[:1]}, c.verify("u2f.signature", cert, ctap.ES256, append(data, point...), sig)
}
