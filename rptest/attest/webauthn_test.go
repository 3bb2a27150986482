package attest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/seed-77d61853/signet/ctap"
)

// go-webauthn trusts the makers' roots alone for these two formats and has no
// option to add others. Its code is to judge ours, so ours are added here.
//
//go:linkname androidKeyRoots github.com/go-webauthn/webauthn/protocol.attAndroidKeyHardwareRootsCertPool
var androidKeyRoots *x509.CertPool

//go:linkname appleRoots github.com/go-webauthn/webauthn/protocol.attAppleHardwareRootsCertPool
var appleRoots *x509.CertPool

// relyingParty is go-webauthn, which knows one authority by its signed BLOB.
type relyingParty struct{ metadata metadata.Provider }

func newRelyingParty(t testing.TB, a *Authority, reports ...Report) *relyingParty {
	t.Helper()
	provider, err := provide(a, BLOB{No: 1, Entries: []Entry{
		{Model: Model{AAGUID: aaguid, Formats: Formats(), Algorithms: algorithms}, Reports: reports},
		{Model: Model{Formats: []Format{FIDOU2F}, Algorithms: []ctap.Algorithm{ctap.ES256}}, Reports: reports},
	}})
	if err != nil {
		t.Fatal(err)
	}
	root := certificateOf(t, a.Roots)
	androidKeyRoots.AddCert(root)
	appleRoots.AddCert(root)
	return &relyingParty{provider}
}

// provide signs a BLOB and has go-webauthn read it and check its chain and
// signature.
func provide(a *Authority, b BLOB) (metadata.Provider, error) {
	roots, err := a.MetadataRoots()
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(roots)
	jwt, err := a.SignBLOB(b)
	if err != nil {
		return nil, err
	}
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(block.Bytes)))
	if err != nil {
		return nil, err
	}
	payload, err := decoder.DecodeBytes([]byte(jwt))
	if err != nil {
		return nil, err
	}
	parsed, err := decoder.Parse(payload)
	if err != nil {
		return nil, err
	}
	return memory.New(
		memory.WithMetadata(parsed.ToMap()), memory.WithMetadataKeyIdentifiers(parsed.ToKeyIdentifierMap()),
		memory.WithValidateEntryKeyIdentifier(true), memory.WithValidateAAGUID(true), memory.WithValidateAlgorithms(true),
		memory.WithValidateBackupEligibility(true), memory.WithValidateUserVerification(true),
	)
}

// register is a whole registration, from the response's JSON.
func (rp *relyingParty) register(in Input, attestationObject []byte) error {
	encode := base64.RawURLEncoding.EncodeToString
	response, err := json.Marshal(map[string]any{
		"id": encode(in.CredentialID), "rawId": encode(in.CredentialID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(clientData), "attestationObject": encode(attestationObject)},
	})
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return describe(err)
	}
	var params []protocol.CredentialParameter
	for _, alg := range algorithms {
		params = append(params, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(alg)})
	}
	_, err = parsed.Verify(challenge, rpID, []string{origin}, nil, nil, protocol.TopOriginDefaultVerificationMode, false, in.Format != FIDOU2F, true,
		rp.metadata, params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	return describe(err)
}

func describe(err error) error {
	if e, ok := err.(*protocol.Error); ok {
		return fmt.Errorf("%s: %s: %s", e.Type, e.Details, e.DevInfo)
	}
	return err
}

// certificateOf parses the one certificate in PEM.
func certificateOf(t testing.TB, roots func() ([]byte, error)) *x509.Certificate {
	t.Helper()
	b, err := roots()
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 {
		t.Fatalf("not one certificate: %s", b)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGoWebAuthn: go-webauthn accepts every format of every algorithm, with the
// BLOB that comes with it, and nothing from an authority that it does not know.
func TestGoWebAuthn(t *testing.T) {
	a := New(seed, time.Now)
	stranger := New([]byte("another seed"), time.Now)
	rp := newRelyingParty(t, a)
	forEach(t, func(t *testing.T, format Format, alg ctap.Algorithm) {
		in := newCredential(t, format, alg)
		if err := rp.register(in, object(t, a, in)); err != nil {
			t.Errorf("rejected: %v", err)
		}
		if (format.certified() || format == Compound) && rp.register(in, object(t, stranger, in)) == nil {
			t.Error("accepted from another authority")
		}
	})
}
