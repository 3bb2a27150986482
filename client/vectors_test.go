package client

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// replay answers with one ceremony of the standard's vectors.
type replay struct {
	registration   *ctap.MakeCredentialResponse
	authentication *ctap.GetAssertionResponse
}

func (r replay) CTAP(_ context.Context, req []byte) ([]byte, error) {
	var resp any
	switch ctap.Command(req[0]) {
	case ctap.CommandGetInfo:
		resp = ctap.GetInfoResponse{Versions: []string{"FIDO_2_1"}, AAGUID: make([]byte, 16)}
	case ctap.CommandMakeCredential:
		resp = r.registration
	case ctap.CommandGetAssertion:
		resp = r.authentication
	}
	body, err := ctap.Marshal(resp)
	return append([]byte{0}, body...), err
}

// Whatever the format and the algorithm, what the device said reaches the site
// byte for byte.
func TestResponsesOfVectors(t *testing.T) {
	for _, c := range readVectors(t).Ceremonies {
		if c.Registration == nil {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			object := unhex(t, c.Registration.AttestationObject)
			o, err := ctap.ParseAttestationObject(object)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := ctap.ParseAuthData(o.AuthData)
			if err != nil {
				t.Fatal(err)
			}
			browser := &Client{Origin: "https://example.org", Device: replay{
				&ctap.MakeCredentialResponse{Fmt: o.Fmt, AttStmt: o.AttStmt, AuthData: o.AuthData},
				&ctap.GetAssertionResponse{
					Credential: &ctap.Descriptor{ID: auth.CredentialID, Type: ctap.TypePublicKey},
					AuthData:   unhex(t, c.Authentication.AuthenticatorData),
					Signature:  unhex(t, c.Authentication.Signature),
				},
			}}
			out, err := browser.Create(t.Context(), marshal(t, with(creation, map[string]any{"attestation": "direct"})))
			if err != nil {
				t.Fatal(err)
			}
			var r registrationResponse
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			if r.Response.AttestationObject != encodeBase64URL(object) || r.ID != encodeBase64URL(auth.CredentialID) {
				t.Error("registration is not the vector's")
			}
			if want := c.ID != "packed-ed448"; (r.Response.PublicKey != nil) != want {
				t.Errorf("public key %v", r.Response.PublicKey)
			}
			out, err = browser.Get(t.Context(), marshal(t, with(request, list("allowCredentials", r.ID))))
			if err != nil {
				t.Fatal(err)
			}
			var a authenticationResponse
			if err := json.Unmarshal(out, &a); err != nil {
				t.Fatal(err)
			}
			if a.Response.AuthenticatorData != encodeBase64URL(unhex(t, c.Authentication.AuthenticatorData)) ||
				a.Response.Signature != encodeBase64URL(unhex(t, c.Authentication.Signature)) || a.ID != r.ID {
				t.Error("assertion is not the vector's")
			}
		})
	}
}
