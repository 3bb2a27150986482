package attest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/google/uuid"

	"github.com/seed-77d61853/signet/ctap"
)

func TestMetadataStatement(t *testing.T) {
	a := New(seed, fixedClock)
	b, err := a.MetadataStatement(Model{AAGUID: aaguid, Description: "A key", Formats: Formats(), Algorithms: algorithms, Synced: true})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "metadata.json", b)
	var parsed metadata.StatementJSON
	if err := json.Unmarshal(b, &parsed); err != nil {
		t.Fatal(err)
	}
	s, err := parsed.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if s.AaGUID != uuid.UUID(aaguid) || s.AuthenticatorGetInfo.AaGUID != uuid.UUID(aaguid) || s.Description != "A key" {
		t.Errorf("AAGUID %v and %v, %q", s.AaGUID, s.AuthenticatorGetInfo.AaGUID, s.Description)
	}
	if len(s.AttestationRootCertificates) != 1 || !s.AttestationRootCertificates[0].Equal(certificateOf(t, a.Roots)) {
		t.Error("the root is another than Roots gives")
	}
	if len(s.AuthenticationAlgorithms) != len(algorithms) || len(s.AttestationTypes) != 5 {
		t.Errorf("%v, %v", s.AuthenticationAlgorithms, s.AttestationTypes)
	}
	if _, err := a.MetadataStatement(Model{Algorithms: []ctap.Algorithm{-65535}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an algorithm that the registry lacks: %v", err)
	}
}

// TestMetadataOfU2F: a U2F key is known by its certificate's key.
func TestMetadataOfU2F(t *testing.T) {
	a := New(seed, fixedClock)
	b, err := a.MetadataStatement(Model{AAGUID: aaguid, Formats: []Format{FIDOU2F}, Algorithms: []ctap.Algorithm{ctap.ES256}})
	if err != nil {
		t.Fatal(err)
	}
	var s metadata.StatementJSON
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	all := parts(t, object(t, a, newCredential(t, FIDOU2F, ctap.ES256)))
	if s.AaGUID != "" || s.ProtocolFamily != "u2f" || len(s.AttestationCertificateKeyIdentifiers) != 1 ||
		!strings.HasSuffix(all["x5c.0.2.5.29.14"], s.AttestationCertificateKeyIdentifiers[0]) {
		t.Errorf("%+v, and the certificate has %s", s, all["x5c.0.2.5.29.14"])
	}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/golden/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %s", name, got)
	}
}

func TestBLOB(t *testing.T) {
	a := New(seed, fixedClock)
	jwt, err := a.SignBLOB(BLOB{No: 7, Entries: []Entry{{Model: Model{AAGUID: aaguid, Formats: []Format{Packed}, Algorithms: algorithms}}}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "blob.jwt", []byte(jwt))
	roots, err := a.MetadataRoots()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(roots)
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(block.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := decoder.DecodeBytes([]byte(jwt))
	if err != nil {
		t.Fatal(err)
	}
	if payload.Number != 7 || payload.NextUpdate != "2026-06-03" || len(payload.Entries) != 1 || payload.Entries[0].StatusReports[0].Status != metadata.NotFidoCertified {
		t.Errorf("%+v", payload)
	}
	for name, spoilt := range map[string]BLOB{
		"bad signature":                      {BadSignature: true},
		"signed under another metadata root": {Rogue: true},
	} {
		jwt, err := a.SignBLOB(spoilt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decoder.DecodeBytes([]byte(jwt)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := a.SignBLOB(BLOB{Entries: []Entry{{Model: Model{Algorithms: []ctap.Algorithm{0}}}}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an algorithm that the registry lacks: %v", err)
	}
}

// TestBLOBNumbers: an older BLOB and one that has run out are honest otherwise.
func TestBLOBNumbers(t *testing.T) {
	a := New(seed, fixedClock)
	content := func(b BLOB) (all struct {
		No         int
		NextUpdate string
		Entries    []any
	}) {
		jwt, err := a.SignBLOB(b)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if b := content(BLOB{No: 3, NextUpdate: fixedClock().AddDate(0, 0, -1)}); b.No != 3 || b.NextUpdate != "2026-05-03" || b.Entries == nil {
		t.Errorf("%+v", b)
	}
}

// TestStatusReports: what a BLOB reports of a model decides on its registrations.
func TestStatusReports(t *testing.T) {
	a := New(seed, time.Now)
	since := time.Date(2025, 2, 3, 4, 5, 6, 7, time.UTC)
	for status, accepted := range map[Status]bool{
		NotCertified: true, Certified: true, Revoked: false, UserKeyRemoteCompromise: false, AttestationCompromise: false,
	} {
		rp := newRelyingParty(t, a, Report{Certified, time.Time{}}, Report{status, since})
		for _, format := range []Format{Packed, TPM, FIDOU2F} {
			in := newCredential(t, format, ctap.ES256)
			if err := rp.register(in, object(t, a, in)); (err == nil) != accepted {
				t.Errorf("%s, %s: %v", status, format, err)
			}
		}
		entry, err := rp.metadata.GetEntry(context.Background(), uuid.UUID(aaguid))
		if err != nil {
			t.Fatal(err)
		}
		last := entry.StatusReports[1]
		if last.Status != metadata.AuthenticatorStatus(status) || last.EffectiveDate.Format(time.DateOnly) != "2025-02-03" || entry.StatusReports[0].EffectiveDate != nil {
			t.Errorf("%+v", entry.StatusReports)
		}
	}
}

// TestRoots: the roots of one seed are always the same, and no two have the same
// key.
func TestRoots(t *testing.T) {
	a, same, other := New(seed, fixedClock), New(seed, time.Now), New([]byte("another seed"), fixedClock)
	root := certificateOf(t, a.Roots)
	if !root.Equal(certificateOf(t, same.Roots)) || root.Equal(certificateOf(t, other.Roots)) || root.Equal(certificateOf(t, a.MetadataRoots)) {
		t.Error("roots are not what the seed makes them")
	}
	if root.CheckSignatureFrom(root) != nil || !root.IsCA {
		t.Error("the root is no root")
	}
	b, err := a.Roots()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "roots.pem", b)
}
