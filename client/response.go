package client

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

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

// registered prints a registration. auth is resp's authenticator data.
func (y *ceremony) registered(resp *ctap.MakeCredentialResponse, auth *ctap.AuthData, conveyance string, out *extensionOutputs) ([]byte, error) {
	attestation, err := convey(resp, auth, conveyance)
	if err != nil {
		return nil, err
	}
	algorithm, spki, err := publicKeyInfo(auth.PublicKey)
	if err != nil {
		return nil, err
	}
	id := encodeBase64URL(auth.CredentialID)
	return json.Marshal(registrationResponse{
		ID:    id,
		RawID: id,
		Response: attestationResponse{
			ClientDataJSON:     encodeBase64URL(y.clientData),
			AuthenticatorData:  encodeBase64URL(resp.AuthData),
			Transports:         y.transports(),
			PublicKey:          spki,
			PublicKeyAlgorithm: algorithm,
			AttestationObject:  encodeBase64URL(attestation),
		},
		AuthenticatorAttachment: y.attachment(),
		ClientExtensionResults:  out,
		Type:                    ctap.TypePublicKey,
	})
}

// convey encodes the attestation object. A site that asked for none gets none;
// the AAGUID stays, and so does self attestation that tells nothing of the model
// (WebAuthn §5.1.3).
func convey(resp *ctap.MakeCredentialResponse, auth *ctap.AuthData, conveyance string) ([]byte, error) {
	o := ctap.AttestationObject{Fmt: resp.Fmt, AttStmt: resp.AttStmt, AuthData: resp.AuthData}
	if conveyance == attestationNone && !(auth.AAGUID == ctap.AAGUID{} && isSelf(resp)) {
		o.Fmt, o.AttStmt = ctap.FormatNone, ctap.EmptyMap()
	}
	return ctap.Marshal(o)
}

func isSelf(resp *ctap.MakeCredentialResponse) bool {
	var statement ctap.Extensions
	return resp.Fmt == ctap.FormatPacked && cbor.Unmarshal(resp.AttStmt, &statement) == nil && statement["x5c"] == nil
}

// publicKeyInfo gives a COSE key's algorithm, and its SubjectPublicKeyInfo where
// the key is of a kind that X.509 libraries know.
func publicKeyInfo(cose []byte) (ctap.Algorithm, *string, error) {
	var label struct {
		Alg ctap.Algorithm `cbor:"3,keyasint"`
	}
	if err := cbor.Unmarshal(cose, &label); err != nil {
		return 0, nil, fmt.Errorf("%w: public key: %v", errReply, err)
	}
	_, pub, err := ctap.UnmarshalPublicKey(cose)
	if err != nil {
		return label.Alg, nil, nil
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return label.Alg, nil, nil
	}
	return label.Alg, ref(encodeBase64URL(der)), nil
}

// transports lists the device's, sorted and each once; never nil.
func (y *ceremony) transports() []string {
	list := append([]string{}, y.info.Transports...)
	slices.Sort(list)
	return slices.Compact(list)
}

// signedIn prints an assertion by the credential id.
func (y *ceremony) signedIn(resp *ctap.GetAssertionResponse, id []byte, out *extensionOutputs) ([]byte, error) {
	r := authenticationResponse{
		ID:    encodeBase64URL(id),
		RawID: encodeBase64URL(id),
		Response: assertionResponse{
			ClientDataJSON:    encodeBase64URL(y.clientData),
			AuthenticatorData: encodeBase64URL(resp.AuthData),
			Signature:         encodeBase64URL(resp.Signature),
		},
		AuthenticatorAttachment: y.attachment(),
		ClientExtensionResults:  out,
		Type:                    ctap.TypePublicKey,
	}
	if resp.User != nil && len(resp.User.ID) > 0 {
		r.Response.UserHandle = ref(encodeBase64URL(resp.User.ID))
	}
	return json.Marshal(r)
}
