package real

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"testing"
	_ "unsafe" // for go:linkname

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/testdata/relyingparties/gowebauthn"
)

// go-webauthn trusts the makers' roots alone for these two formats and has no
// option to add others.
//
//go:linkname androidKeyRoots github.com/go-webauthn/webauthn/protocol.attAndroidKeyHardwareRootsCertPool
var androidKeyRoots *x509.CertPool

//go:linkname appleRoots github.com/go-webauthn/webauthn/protocol.attAppleHardwareRootsCertPool
var appleRoots *x509.CertPool

func TestGoWebAuthn(t *testing.T) {
	for _, d := range makers(t) {
		root := roots(t, d.Authority().Roots)
		androidKeyRoots.AddCert(root)
		appleRoots.AddCert(root)
	}
	plain := goWebAuthn(t, nil, nil)
	knowing := goWebAuthn(t, provider(t), models(t))
	judge(t, "go-webauthn", &rptest.Audit{RP: plain}, &rptest.Audit{RP: knowing, Trusted: true, ModelList: true, Only: []string{"register.attestation."}})
}

func goWebAuthn(t *testing.T, mds metadata.Provider, filtering *webauthn.FilteringConfig) rptest.RP {
	t.Helper()
	site, err := gowebauthn.New(&webauthn.Config{
		RPID: "login.example", RPDisplayName: "Login", RPOrigins: []string{origin}, MDS: mds, Filtering: filtering,
	})
	if err != nil {
		t.Fatal(err)
	}
	site.Begin = func(w *webauthn.WebAuthn, u webauthn.User, mediation string, options ...webauthn.RegistrationOption) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
		return w.BeginMediatedRegistration(u, protocol.CredentialMediationRequirement(mediation), options...)
	}
	site.Extensions = func(inputs json.RawMessage) (webauthn.LoginOption, error) {
		var e protocol.AuthenticationExtensions
		err := json.Unmarshal(inputs, &e)
		return webauthn.WithAssertionExtensions(webauthn.WithExtensionInputs(e)), err
	}
	return rptest.Handler(site, library("go-webauthn"))
}

// makers are a device of each maker that cases have devices of: the one without
// AAGUID makes U2F keys.
func makers(t *testing.T) []*rptest.Device {
	t.Helper()
	var all []*rptest.Device
	for _, p := range []rptest.Personality{rptest.Phone, rptest.U2F} {
		d, err := rptest.NewDevice(rptest.DeviceConfig{Personality: p})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// models allows the makers' models alone.
func models(t *testing.T) *webauthn.FilteringConfig {
	t.Helper()
	f := new(webauthn.FilteringConfig)
	for _, d := range makers(t) {
		f.PermittedAAGUIDs = append(f.PermittedAAGUIDs, uuid.UUID(*d.Config().AAGUID))
	}
	return f
}

// roots parses the one certificate in PEM.
func roots(t *testing.T, from func() ([]byte, error)) *x509.Certificate {
	t.Helper()
	b, err := from()
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

// provider knows what one device's trial BLOBs tell of all models: it takes those
// that go-webauthn and the order of their numbers allow.
func provider(t *testing.T) metadata.Provider {
	t.Helper()
	d := makers(t)[0]
	blobs, err := d.TrialBLOBs()
	if err != nil {
		t.Fatal(err)
	}
	models := map[uuid.UUID]*metadata.Entry{}
	keys := map[string]*metadata.Entry{}
	last := 0
	for _, blob := range blobs {
		if m, err := decode(t, d.Authority(), blob, last); err == nil {
			maps.Copy(models, m.ToMap())
			maps.Copy(keys, m.ToKeyIdentifierMap())
			last = m.Parsed.Number
		}
	}
	p, err := memory.New(memory.WithMetadata(models), memory.WithMetadataKeyIdentifiers(keys), memory.WithValidateEntryKeyIdentifier(true))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// decode has go-webauthn check a BLOB. That its number is higher than the last
// one's is for callers to check.
func decode(t *testing.T, a *attest.Authority, blob string, last int) (*metadata.Metadata, error) {
	t.Helper()
	root := base64.StdEncoding.EncodeToString(roots(t, a.MetadataRoots).Raw)
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(root))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := decoder.DecodeBytes([]byte(blob))
	if err != nil {
		return nil, err
	}
	m, err := decoder.Parse(payload)
	if err != nil {
		return nil, err
	}
	if m.Parsed.Number <= last {
		return nil, errors.New("older than what is known")
	}
	return m, nil
}
