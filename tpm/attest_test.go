package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestAttestation: go-webauthn accepts the statement on a key of each
// algorithm, and the chain ends at the installation's root.
func TestAttestation(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	var chains [][]ctap.Bytes
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.RS256} {
		_, k, err := r.Create(t.Context(), alg, []byte("site"), keystore.Ungated)
		must(t, "create", err)
		chains = append(chains, attested(t, r, k, alg).X5C)
	}
	for _, chain := range chains[1:] {
		if !bytes.Equal(chain[0], chains[0][0]) {
			t.Error("two keys have two attestation keys")
		}
	}
	// After a reset and for a Gated key it is the same installation's.
	must(t, "reset", r.Reset(t.Context()))
	_, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Gated)
	must(t, "create", err)
	attested(t, r, k, ctap.ES256)
	checkChain(t, chains[0])

	other := created(t).mustOpen()
	_, err = other.Attest(t.Context(), k, nil)
	wants(t, "attest another root's key", err, keystore.ErrUnsupported)
	k.Close()
	if _, err := r.Attest(t.Context(), k, nil); err == nil {
		t.Error("a closed key was attested")
	}
}

// attested registers a key with go-webauthn.
func attested(t *testing.T, r *Root, k keystore.Key, alg ctap.Algorithm) *ctap.TPMStatement {
	t.Helper()
	pub, err := ctap.MarshalPublicKey(alg, k.Public())
	must(t, "encode", err)
	authData := bytes.Clone(sha(t, "example.org"))
	authData = append(authData, 0x45, 0, 0, 0, 0) // present, verified, with attested data
	authData = append(authData, make([]byte, 16)...)
	authData = append(append(authData, 0, 4), "cred"...)
	authData = append(authData, pub...)
	clientData := []byte(`{"type":"webauthn.create","challenge":"AAAA","origin":"https://example.org"}`)
	s, err := r.Attest(t.Context(), k, append(bytes.Clone(authData), sha(t, string(clientData))...))
	must(t, "attest", err)
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](s.PubArea)
	must(t, "decode", err)
	if a := public.ObjectAttributes; !a.FixedTPM || !a.FixedParent || !a.SensitiveDataOrigin || !a.UserWithAuth || a.Restricted || a.Decrypt {
		t.Errorf("%v: attributes %+v", alg, a)
	}
	statement, err := ctap.Marshal(s)
	must(t, "encode", err)
	object, err := ctap.Marshal(ctap.AttestationObject{Fmt: ctap.FormatTPM, AttStmt: statement, AuthData: authData})
	must(t, "encode", err)

	b64 := base64.RawURLEncoding.EncodeToString
	answer, err := json.Marshal(map[string]any{
		"id": b64([]byte("cred")), "rawId": b64([]byte("cred")), "type": "public-key",
		"response": map[string]any{"clientDataJSON": b64(clientData), "attestationObject": b64(object)},
	})
	must(t, "encode", err)
	parsed, err := protocol.ParseCredentialCreationResponseBody(strings.NewReader(string(answer)))
	must(t, "parse", err)
	received := parsed.Response.AttestationObject
	hash := sha(t, string(clientData))
	params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(alg)}}
	var attestation protocol.AttestationPolicy
	var signature protocol.SignaturePolicy
	if err := received.Verify("example.org", hash, true, true, nil, params, attestation, signature); err != nil {
		t.Errorf("%v: go-webauthn: %v", alg, err)
	}
	hash[0] ^= 1
	if err := received.Verify("example.org", hash, true, true, nil, params, attestation, signature); err == nil {
		t.Errorf("%v: go-webauthn takes the statement for other client data", alg)
	}
	return s
}

func sha(t *testing.T, s string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// checkChain checks the certificates as a verifier would who trusts the root.
func checkChain(t *testing.T, chain []ctap.Bytes) {
	t.Helper()
	leaf, err := x509.ParseCertificate(chain[0])
	must(t, "parse", err)
	root, err := x509.ParseCertificate(chain[1])
	must(t, "parse", err)
	if err := leaf.CheckSignatureFrom(root); err != nil {
		t.Errorf("the attestation key's certificate: %v", err)
	}
	if err := root.CheckSignatureFrom(root); err != nil {
		t.Errorf("the root: %v", err)
	}
	if leaf.IsCA || leaf.Subject.String() != "" || leaf.Version != 3 {
		t.Errorf("the attestation key's certificate: CA %v, subject %q, version %d", leaf.IsCA, leaf.Subject, leaf.Version)
	}
	if _, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok {
		t.Errorf("attestation key: %T", leaf.PublicKey)
	}
}
