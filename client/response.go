package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// registered prints a registration: RegistrationResponseJSON (WebAuthn §5.1).
// auth is resp's authenticator data.
func (y *ceremony) registered(resp *ctap.MakeCredentialResponse, auth *ctap.AuthData, conveyance string, out *extensionOutputs) ([]byte, error) {
	attestation, err := convey(resp, auth, conveyance)
	if err != nil {
		return nil, err
	}
	algorithm, spki, err := publicKeyInfo(auth.PublicKey)
	if err != nil {
		return nil, err
	}
	b := y.appendHead(auth.CredentialID, resp.AuthData, len(spki)+len(attestation))
	b = append(b, `,"transports":[`...)
	for i, t := range y.transports() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCCD(b, t)
	}
	b = append(b, ']')
	if spki != nil {
		b = appendBase64URL(append(b, `,"publicKey":`...), spki)
	}
	b = strconv.AppendInt(append(b, `,"publicKeyAlgorithm":`...), int64(algorithm), 10)
	b = appendBase64URL(append(b, `,"attestationObject":`...), attestation)
	return y.appendTail(b, out)
}

// signedIn prints an assertion by the credential id: AuthenticationResponseJSON
// (WebAuthn §5.1).
func (y *ceremony) signedIn(resp *ctap.GetAssertionResponse, id []byte, out *extensionOutputs) ([]byte, error) {
	var userHandle []byte
	if resp.User != nil {
		userHandle = resp.User.ID
	}
	b := y.appendHead(id, resp.AuthData, len(resp.Signature)+len(userHandle))
	b = appendBase64URL(append(b, `,"signature":`...), resp.Signature)
	if len(userHandle) > 0 {
		b = appendBase64URL(append(b, `,"userHandle":`...), userHandle)
	}
	return y.appendTail(b, out)
}

// appendHead begins a response with what both kinds have first. So many bytes of
// other values will follow.
func (y *ceremony) appendHead(credentialID, authData []byte, following int) []byte {
	const frame = 288 // what is not of bytes
	size := base64.RawURLEncoding.EncodedLen(2*len(credentialID) + len(y.clientData) + len(authData) + following)
	b := appendBase64URL(append(make([]byte, 0, frame+size), `{"id":`...), credentialID)
	b = appendBase64URL(append(b, `,"rawId":`...), credentialID)
	b = appendBase64URL(append(b, `,"response":{"clientDataJSON":`...), y.clientData)
	return appendBase64URL(append(b, `,"authenticatorData":`...), authData)
}

// appendTail ends it with what both have last.
func (y *ceremony) appendTail(b []byte, out *extensionOutputs) ([]byte, error) {
	b = appendCCD(append(b, `},"authenticatorAttachment":`...), y.attachment())
	b = append(b, `,"clientExtensionResults":`...)
	if *out == (extensionOutputs{}) {
		b = append(b, `{}`...)
	} else {
		results, err := json.Marshal(out)
		if err != nil {
			return nil, fmt.Errorf("extension outputs: %w", err)
		}
		b = append(b, results...)
	}
	return append(appendCCD(append(b, `,"type":`...), ctap.TypePublicKey), '}'), nil
}

// appendBase64URL appends bytes as a Base64URLString (WebAuthn §5.1).
func appendBase64URL(b, data []byte) []byte {
	return append(base64.RawURLEncoding.AppendEncode(append(b, '"'), data), '"')
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

// publicKeyInfo gives a COSE key's algorithm, and its SubjectPublicKeyInfo in DER
// where the key is of a kind that X.509 libraries know.
func publicKeyInfo(cose []byte) (alg ctap.Algorithm, spki []byte, err error) {
	alg, pub, err := ctap.UnmarshalPublicKey(cose)
	if err != nil {
		var label struct {
			Alg ctap.Algorithm `cbor:"3,keyasint"`
		}
		if err := cbor.Unmarshal(cose, &label); err != nil {
			return 0, nil, fmt.Errorf("%w: public key: %v", errReply, err)
		}
		return label.Alg, nil, nil
	}
	if p256, ok := pub.(*ecdsa.PublicKey); ok && p256.Curve == elliptic.P256() {
		point, err := p256.Bytes()
		if err != nil {
			return alg, nil, nil
		}
		return alg, append(append(make([]byte, 0, len(spkiP256)+len(point)), spkiP256...), point...), nil
	}
	if spki, err = x509.MarshalPKIXPublicKey(pub); err != nil {
		return alg, nil, nil
	}
	return alg, spki, nil
}

// spkiP256 is the SubjectPublicKeyInfo of a key on P-256 up to its uncompressed
// point of 65 bytes (RFC 5480): most keys are such, and printing them by reflection
// takes as long as a tenth of the key's first signature.
const spkiP256 = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"

// transports lists the device's, sorted and each once; never nil.
func (y *ceremony) transports() []string {
	list := append([]string{}, y.info.Transports...)
	slices.Sort(list)
	return slices.Compact(list)
}
