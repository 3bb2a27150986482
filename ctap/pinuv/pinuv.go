// Package pinuv is PIN/UV auth protocols one and two, both ends (§6.5.5 to
// §6.5.7): key agreement, encryption and authentication under the shared
// secret, authentication under a pinUvAuthToken, and the forms a PIN takes on
// the wire.
//
//	platform                                 authenticator
//	                 <- KeyAgreement.Public
//	Encapsulate      mine ->                 KeyAgreement.Decapsulate
//	SharedSecret     <- Encrypt, Authenticate ->        SharedSecret
//	Authenticate     by the token ->         Verify
//
// Everything here is immutable once made, SharedSecret.Wipe apart, and safe for
// concurrent use.
package pinuv

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Protocol is a PIN/UV auth protocol's number, as member pinUvAuthProtocol
// gives it.
type Protocol uint64

// The protocols, §6.5.6 and §6.5.7.
const (
	One Protocol = 1
	Two Protocol = 2
)

// Valid reports whether p is a protocol that this package has.
func (p Protocol) Valid() bool { return p == One || p == Two }

// TokenLength is the length in bytes of the pinUvAuthTokens that authenticators
// here make. Protocol one also allows 16.
const TokenLength = 32

// Authenticate returns the pinUvAuthParam over the concatenation of msg: 16
// bytes under protocol one, 32 under two, nil under any other.
func Authenticate(p Protocol, token []byte, msg ...[]byte) []byte {
	if !p.Valid() {
		return nil
	}
	mac := hmac.New(sha256.New, token)
	for _, m := range msg {
		mac.Write(m)
	}
	sum := mac.Sum(make([]byte, 0, sha256.Size))
	if p == One {
		return sum[:16]
	}
	return sum
}

// Verify reports, in constant time, whether sig is the whole pinUvAuthParam over
// the concatenation of msg. An empty token verifies nothing.
func Verify(p Protocol, token, sig []byte, msg ...[]byte) bool {
	if !p.Valid() || len(token) == 0 {
		return false
	}
	return hmac.Equal(Authenticate(p, token, msg...), sig)
}
