package explain

import (
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// A Kind is what data are that Explain takes apart.
type Kind string

// Kinds of what is in JSON, and of bytes.
const (
	Unknown Kind = "unknown" // nothing that can be told by itself
	Empty   Kind = "empty"   // an object or a list with nothing in it
	JSON    Kind = "JSON"    // an object or a list, of no kind below
	Options Kind = "options" // of either ceremony, bare or as member publicKey
	// A response is of a registration or of an authentication; of neither where it has
	// nothing that only one of them has.
	RegistrationResponse   Kind = "registration response"
	AuthenticationResponse Kind = "authentication response"
	Response               Kind = "response"
	ClientData             Kind = "client data"
	AttestationObject      Kind = "attestation object"
	AuthenticatorData      Kind = "authenticator data"
	// AuthenticatorDataPerhaps are bytes of which only a part can be authenticator
	// data: any 37 bytes look like such, and what follows does not.
	AuthenticatorDataPerhaps Kind = "authenticator data, perhaps"
	PublicKey                Kind = "public key"  // a SubjectPublicKeyInfo
	Certificate              Kind = "certificate" // of X.509
	Signature                Kind = "signature"   // of ECDSA
	DER                      Kind = "DER"         // a SEQUENCE of no kind above
)

// Recognise tells what data are, in any of the encodings that Explain takes. It is
// what Explain takes them for.
func Recognise(data []byte) Kind { return parse(data).kind }

// Phrase is the kind within a sentence: "an attestation object", "client data".
func (k Kind) Phrase() string {
	switch {
	case strings.Contains(string(k), "data"), k == DER:
		return string(k)
	case strings.IndexAny(string(k), "aeiou") == 0:
		return "an " + string(k)
	}
	return "a " + string(k)
}

// Lintable tells whether data can be options, if bad ones, so that Lint looks at them.
func (k Kind) Lintable() bool {
	switch k {
	case Options, JSON, Empty, Unknown:
		return true
	}
	return false
}

// kindOf tells kinds of JSON objects apart. Client data are such, too, of which a
// fault took the type or the origin.
func kindOf(o *ceremony.Object) Kind {
	if r := responseOf(o); r != nil {
		return r.kind()
	}
	if o.Get("publicKey") != nil {
		inner, err := ceremony.ParseObject(o.Get("publicKey"))
		if err != nil {
			return Options // the linter tells
		}
		o = inner
	} else if strings.HasPrefix(textOf(o.Get("type")), "webauthn.") || o.Get("origin") != nil {
		return ClientData
	}
	if o.Get("challenge") != nil {
		return Options
	}
	return JSON
}

// A response is what is posted after a ceremony.
type response struct {
	credential []ceremony.Member // nil where its member response came alone
	inner      *ceremony.Object  // member response
	beside     []ceremony.Member // what was posted with the credential
}

// kind tells by the type in client data only where no other member does: a fault may
// have changed it.
func (r *response) kind() Kind {
	switch {
	case r.inner.Get("attestationObject") != nil:
		return RegistrationResponse
	case r.inner.Get("authenticatorData") != nil, r.inner.Get("signature") != nil:
		return AuthenticationResponse
	}
	clientData, _ := decoded([]byte(textOf(r.inner.Get("clientDataJSON"))))
	o := object(clientData)
	if o == nil {
		return Response
	}
	switch textOf(o.Get("type")) {
	case "webauthn.create":
		return RegistrationResponse
	case "webauthn.get":
		return AuthenticationResponse
	}
	return Response
}

// responseOf finds the response in what a page posts: the credential's JSON, an
// object that has it as a member, or its member response alone. It is nil where
// there is none.
func responseOf(o *ceremony.Object) *response {
	inner, err := ceremony.ParseObject(o.Get("response"))
	if err == nil && inner.Get("response") == nil {
		return &response{credential: o.Members, inner: inner}
	}
	if isInner(o) {
		return &response{inner: o}
	}
	for i, m := range o.Members {
		credential, err := ceremony.ParseObject(m.Value)
		if err != nil {
			continue
		}
		beside := slices.Delete(slices.Clone(o.Members), i, i+1)
		inner, err := ceremony.ParseObject(credential.Get("response"))
		switch {
		case err == nil && (m.Name == "credential" || isInner(inner)):
			return &response{credential.Members, inner, beside}
		case isInner(credential):
			return &response{nil, credential, beside}
		}
	}
	return nil
}

// isInner tells a credential's member response by what no other object has.
func isInner(o *ceremony.Object) bool {
	return o.Get("clientDataJSON") != nil || o.Get("attestationObject") != nil || o.Get("authenticatorData") != nil
}
