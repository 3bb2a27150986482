package client

import (
	"fmt"
	"net/url"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// extensionInputs is AuthenticationExtensionsClientInputsJSON (WebAuthn §5.7.1),
// of both ceremonies. Extensions that are not here are ignored.
type extensionInputs struct {
	appID               *string
	appIDExclude        *string
	credBlob            []byte // nil: absent
	credProps           bool
	credProtect         uint64 // 0: absent
	enforceCredProtect  bool
	getCredBlob         bool
	largeBlob           *largeBlobInputs
	minPINLength        bool
	pinComplexityPolicy bool
	prf                 *prfInputs
}

// extensionOutputs is AuthenticationExtensionsClientOutputsJSON (WebAuthn
// §5.8), in the order in which it is printed.
type extensionOutputs struct {
	AppID        *bool             `json:"appid,omitempty"`
	AppIDExclude *bool             `json:"appidExclude,omitempty"`
	CredBlob     *bool             `json:"credBlob,omitempty"`
	CredProps    *credPropsOutput  `json:"credProps,omitempty"`
	GetCredBlob  *string           `json:"getCredBlob,omitempty"` // base64url
	LargeBlob    *largeBlobOutputs `json:"largeBlob,omitempty"`
	PRF          *prfOutputs       `json:"prf,omitempty"`
}

type credPropsOutput struct {
	RK bool `json:"rk"`
}

// parseExtensions converts the options' member extensions.
func parseExtensions(options *dictionary) extensionInputs {
	if _, ok := options.find("extensions"); !ok {
		return extensionInputs{}
	}
	d, _ := options.object("extensions", false)
	in := extensionInputs{
		appID:               d.optional("appid"),
		appIDExclude:        d.optional("appidExclude"),
		credBlob:            d.bytes("credBlob", false),
		credProps:           d.boolean("credProps"),
		credProtect:         parseCredProtect(&d),
		enforceCredProtect:  d.boolean("enforceCredentialProtectionPolicy"),
		getCredBlob:         d.boolean("getCredBlob"),
		minPINLength:        d.boolean("minPinLength"),
		pinComplexityPolicy: d.boolean("pinComplexityPolicy"),
	}
	if blob, ok := d.object("largeBlob", false); ok {
		in.largeBlob = parseLargeBlob(&blob)
	}
	if prf, ok := d.object("prf", false); ok {
		in.prf = parsePRF(&prf)
	}
	return in
}

// parseCredProtect converts credentialProtectionPolicy (§12.1).
func parseCredProtect(d *dictionary) uint64 {
	policy := d.optional("credentialProtectionPolicy")
	if policy == nil {
		return 0
	}
	switch *policy {
	case "userVerificationOptional":
		return ctap.CredProtectOptional
	case "userVerificationOptionalWithCredentialIDList":
		return ctap.CredProtectOptionalWithList
	case "userVerificationRequired":
		return ctap.CredProtectRequired
	}
	d.fail(TypeError, "credentialProtectionPolicy", "is not a policy")
	return 0
}

// extensionMap collects extension inputs for the authenticator.
type extensionMap struct {
	m   ctap.Extensions
	err error
}

func (e *extensionMap) set(id string, v any) {
	raw, err := ctap.Marshal(v)
	if err != nil {
		e.err = fmt.Errorf("extension %s: %w", id, err)
		return
	}
	if e.m == nil {
		e.m = make(ctap.Extensions)
	}
	e.m[id] = raw
}

// authDataExtensions decodes the outputs in authenticator data.
func authDataExtensions(auth *ctap.AuthData) (ctap.Extensions, error) {
	if auth.Extensions == nil {
		return nil, nil
	}
	var m ctap.Extensions
	if err := cbor.Unmarshal(auth.Extensions, &m); err != nil {
		return nil, fmt.Errorf("%w: extension outputs: %v", errReply, err)
	}
	return m, nil
}

// boolOutput gives an output that is a boolean; false where it is absent or
// something else.
func boolOutput(m ctap.Extensions, id string) bool {
	var b bool
	return cbor.Unmarshal(m[id], &b) == nil && b
}

// bytesOutput gives an output that is a byte string, or nil.
func bytesOutput(m ctap.Extensions, id string) []byte {
	var b ctap.Bytes
	if len(m[id]) == 0 || cbor.Unmarshal(m[id], &b) != nil {
		return nil
	}
	return b
}

// checkAppID decides whether the caller may use a U2F AppID: it is an https URL
// of the caller's own site, as browsers have it, who fetch no facet lists
// (WebAuthn §10.1.1). An empty one stands for the origin.
func checkAppID(appID string, caller origin) (string, *Error) {
	if appID == "" {
		return caller.String(), nil
	}
	u, err := url.Parse(appID)
	if err != nil || u.Scheme != "https" {
		return "", fail(SecurityError, "the AppID is not an https URL")
	}
	host, ok := parseHost(u.Hostname())
	if !ok || host != caller.host && (registrableDomain(host) == "" || registrableDomain(host) != registrableDomain(caller.host)) {
		return "", fail(SecurityError, "the AppID is of another site")
	}
	return appID, nil
}
