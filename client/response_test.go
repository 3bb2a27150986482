package client

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// registrationResponse is RegistrationResponseJSON (WebAuthn §5.1), in the order
// in which it is printed. Binary members are base64url.
type registrationResponse struct {
	ID                      string              `json:"id"`
	RawID                   string              `json:"rawId"`
	Response                attestationResponse `json:"response"`
	AuthenticatorAttachment string              `json:"authenticatorAttachment"`
	ClientExtensionResults  *extensionOutputs   `json:"clientExtensionResults"`
	Type                    string              `json:"type"`
}

// attestationResponse is AuthenticatorAttestationResponseJSON.
type attestationResponse struct {
	ClientDataJSON     string         `json:"clientDataJSON"`
	AuthenticatorData  string         `json:"authenticatorData"`
	Transports         []string       `json:"transports"`
	PublicKey          *string        `json:"publicKey,omitempty"` // SubjectPublicKeyInfo, DER
	PublicKeyAlgorithm ctap.Algorithm `json:"publicKeyAlgorithm"`
	AttestationObject  string         `json:"attestationObject"`
}

// authenticationResponse is AuthenticationResponseJSON (WebAuthn §5.1).
type authenticationResponse struct {
	ID                      string            `json:"id"`
	RawID                   string            `json:"rawId"`
	Response                assertionResponse `json:"response"`
	AuthenticatorAttachment string            `json:"authenticatorAttachment"`
	ClientExtensionResults  *extensionOutputs `json:"clientExtensionResults"`
	Type                    string            `json:"type"`
}

// assertionResponse is AuthenticatorAssertionResponseJSON.
type assertionResponse struct {
	ClientDataJSON    string  `json:"clientDataJSON"`
	AuthenticatorData string  `json:"authenticatorData"`
	Signature         string  `json:"signature"`
	UserHandle        *string `json:"userHandle,omitempty"`
}

// A public key is printed as crypto/x509 does it, whatever its kind.
func TestPublicKeyInfo(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[ctap.Algorithm]crypto.PublicKey{ctap.EdDSA: edwards}
	for alg, curve := range map[ctap.Algorithm]elliptic.Curve{ctap.ES256: elliptic.P256(), ctap.ES384: elliptic.P384(), ctap.ES512: elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[alg] = &k.PublicKey
	}
	for alg, pub := range keys {
		cose, err := ctap.MarshalPublicKey(alg, pub)
		if err != nil {
			t.Fatal(err)
		}
		want, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if got, spki, err := publicKeyInfo(cose); err != nil || got != alg || !bytes.Equal(spki, want) {
			t.Errorf("%v: %v, %x, %v; want %x", alg, got, spki, err, want)
		}
	}
}
