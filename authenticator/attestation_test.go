package authenticator

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"testing"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/google/uuid"

	"github.com/seed-77d61853/signet/ctap"
)

// attested makes a credential and gives its attestation object, decoded by
// go-webauthn, and the certificates in it.
func attested(t *testing.T, d *device, alg ctap.Algorithm, change func(*ctap.MakeCredentialRequest)) (*protocol.AttestationObject, []*x509.Certificate) {
	t.Helper()
	req := ctap.MakeCredentialRequest{
		ClientDataHash: clientDataHash, RP: &ctap.RP{ID: rpID}, User: &ctap.User{ID: []byte("user")},
		PubKeyCredParams: []ctap.PubKeyParam{{Alg: alg, Type: ctap.TypePublicKey}},
	}
	if change != nil {
		change(&req)
	}
	var reply ctap.MakeCredentialResponse
	mustBe(t, "make credential", d.send(t.Context(), ctap.CommandMakeCredential, req, &reply), nil)
	if want := req.EnterpriseAttest != nil; reply.EpAtt != want {
		t.Errorf("epAtt %v", reply.EpAtt)
	}
	encoded, err := ctap.Marshal(ctap.AttestationObject{Fmt: reply.Fmt, AttStmt: reply.AttStmt, AuthData: reply.AuthData})
	mustBe(t, "encode", err, nil)
	object := new(protocol.AttestationObject)
	mustBe(t, "decode", webauthncbor.Unmarshal(encoded, object), nil)
	mustBe(t, "decode authenticator data", object.AuthData.Unmarshal(object.RawAuthData), nil)
	var certificates []*x509.Certificate
	if x5c, ok := object.AttStatement["x5c"].([]any); ok {
		for _, der := range x5c {
			c, err := x509.ParseCertificate(der.([]byte))
			mustBe(t, "parse certificate", err, nil)
			certificates = append(certificates, c)
		}
	}
	return object, certificates
}

// trusting is a relying party's metadata that knows one root.
func trusting(t *testing.T, aaguid []byte, root *x509.Certificate) metadata.Provider {
	t.Helper()
	id, err := uuid.FromBytes(aaguid)
	mustBe(t, "AAGUID", err, nil)
	entry := &metadata.Entry{AaGUID: id, MetadataStatement: metadata.Statement{
		AaGUID: id, AttestationTypes: metadata.AuthenticatorAttestationTypes{metadata.BasicFull, metadata.BasicSurrogate},
	}}
	if root != nil {
		entry.MetadataStatement.AttestationRootCertificates = []*x509.Certificate{root}
	}
	provider, err := memory.New(memory.WithMetadata(map[uuid.UUID]*metadata.Entry{id: entry}), memory.WithValidateStatus(false))
	mustBe(t, "metadata", err, nil)
	return provider
}

// TestAttestationVerifies hands every form of attestation of every algorithm to
// go-webauthn, with the right root and with a wrong one.
func TestAttestationVerifies(t *testing.T) {
	for _, form := range []Attestation{PackedCertificate, PackedSelf, PackedChain, FIDOU2F, NoAttestation} {
		profile := SecurityKey()
		profile.Attestation = form
		d := newDevice(t, Config{Profile: profile})
		installation, err := d.AttestationRoot(t.Context())
		mustBe(t, "attestation root", err, nil)
		root, err := x509.ParseCertificate(installation)
		mustBe(t, "parse root", err, nil)
		for _, alg := range d.root.Algorithms() {
			if form == FIDOU2F && alg.ID != ctap.ES256 {
				continue
			}
			t.Run(fmt.Sprintf("form %d %v", form, alg.ID), func(t *testing.T) {
				object, certificates := attested(t, d, alg.ID, nil)
				var right *x509.Certificate
				switch form {
				case PackedCertificate, FIDOU2F:
					right = certificates[0]
				case PackedChain:
					right = root
				}
				verify := func(root *x509.Certificate) error {
					return object.VerifyAttestation(clientDataHash, trusting(t, object.AuthData.AttData.AAGUID, root), protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
				}
				if err := verify(right); err != nil {
					t.Errorf("with the right root: %v", describeWebAuthn(err))
				}
				if right == nil {
					return
				}
				_, others := attested(t, newDevice(t, Config{}), ctap.ES256, nil)
				if verify(others[0]) == nil {
					t.Error("accepted with another's root")
				}
			})
		}
	}
}

func describeWebAuthn(err error) string {
	if e, ok := err.(*protocol.Error); ok {
		return fmt.Sprintf("%s: %s: %s", e.Type, e.Details, e.DevInfo)
	}
	return err.Error()
}

// TestAttestationIdentifies: only enterprise attestation, asked for and
// granted, tells one unit or credential from another.
func TestAttestationIdentifies(t *testing.T) {
	profile := SecurityKey()
	profile.EnterpriseRPIDs = []string{rpID}
	d := newDevice(t, Config{Profile: profile})
	serial := func(c *x509.Certificate) []byte {
		i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidSerial) })
		if i < 0 {
			return nil
		}
		return c.Extensions[i].Value
	}
	_, first := attested(t, d, ctap.ES256, nil)
	_, second := attested(t, d, ctap.ES256, nil)
	if serial(first[0]) != nil {
		t.Error("an ordinary attestation has the serial number")
	}
	if first[0].SerialNumber.Cmp(second[0].SerialNumber) == 0 || first[0].PublicKey.(*ecdsa.PublicKey).Equal(second[0].PublicKey) {
		t.Error("two credentials share a certificate")
	}
	mustBe(t, "enable enterprise attestation", d.send(t.Context(), ctap.CommandConfig, ctap.ConfigRequest{SubCommand: ptr(uint64(ctap.ConfigEnableEnterpriseAttestation))}, nil), nil)
	for value := uint64(1); value <= 2; value++ {
		_, chain := attested(t, d, ctap.ES256, func(r *ctap.MakeCredentialRequest) { r.EnterpriseAttest = &value })
		if serial(chain[0]) == nil {
			t.Errorf("enterprise attestation %d has no serial number", value)
		}
	}
}
