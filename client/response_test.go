package client

import "github.com/seed-77d61853/signet/ctap"

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
