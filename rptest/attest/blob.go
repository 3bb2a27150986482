package attest

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// Status is a status of an authenticator model (FIDO Metadata Service v3.1 §3.1.4).
type Status string

// Some statuses.
const (
	NotCertified            Status = "NOT_FIDO_CERTIFIED"
	Certified               Status = "FIDO_CERTIFIED_L1"
	Revoked                 Status = "REVOKED"
	UserKeyRemoteCompromise Status = "USER_KEY_REMOTE_COMPROMISE"
	AttestationCompromise   Status = "ATTESTATION_KEY_COMPROMISE"
)

// Report says which status a model has since when.
type Report struct {
	Status Status
	Since  time.Time // a day; zero leaves it out
}

// Entry is one model in a BLOB.
type Entry struct {
	Model   Model
	Maker   *Authority // whose root the model has; nil: who signs the BLOB
	Reports []Report   // nil is one of NotCertified
}

// BLOB is the content of a metadata BLOB.
type BLOB struct {
	No         int
	NextUpdate time.Time // a day; zero is 30 days from now
	Entries    []Entry

	BadSignature bool // spoil the signature
	Rogue        bool // sign under another root of the same name
}

type blobPayload struct {
	LegalHeader string      `json:"legalHeader"`
	No          int         `json:"no"`
	NextUpdate  string      `json:"nextUpdate"`
	Entries     []blobEntry `json:"entries"`
}

type blobEntry struct {
	AAGUID                               string             `json:"aaguid,omitempty"`
	AttestationCertificateKeyIdentifiers []string           `json:"attestationCertificateKeyIdentifiers,omitempty"`
	MetadataStatement                    *metadataStatement `json:"metadataStatement"`
	StatusReports                        []blobReport       `json:"statusReports"`
	TimeOfLastStatusChange               string             `json:"timeOfLastStatusChange"`
}

type blobReport struct {
	Status        Status `json:"status"`
	EffectiveDate string `json:"effectiveDate,omitempty"`
}

// Names in the chain of metadata.
var (
	metadataRootName   = Name{{oidCountry, "SE"}, {oidOrganization, organization}, {oidCommonName, "Signet test metadata root"}}
	metadataSignerName = Name{{oidCountry, "SE"}, {oidOrganization, organization}, {oidUnit, "Metadata BLOB Signing"}, {oidCommonName, "Signet test metadata signer"}}
)

// MetadataRoots gives the certificate that BLOBs' chains lead to, as PEM.
func (a *Authority) MetadataRoots() ([]byte, error) {
	der, err := a.selfSigned(metadataRootName)
	if err != nil {
		return nil, fmt.Errorf("make metadata root: %w", err)
	}
	return encodePEM(der), nil
}

// SignBLOB makes a metadata BLOB (FIDO Metadata Service v3.1 §3.1.7): a JWT that
// is signed with ES256, with the signer's certificate and the root's in its header.
func (a *Authority) SignBLOB(b BLOB) (string, error) {
	payload, err := a.payload(b)
	if err != nil {
		return "", fmt.Errorf("make metadata BLOB: %w", err)
	}
	if b.Rogue {
		a = a.rogue()
	}
	jwt, err := a.jwt(payload, b.BadSignature)
	if err != nil {
		return "", fmt.Errorf("sign metadata BLOB: %w", err)
	}
	return jwt, nil
}

func (a *Authority) payload(b BLOB) (*blobPayload, error) {
	next := b.NextUpdate
	if next.IsZero() {
		next = a.now().AddDate(0, 0, 30)
	}
	p := &blobPayload{LegalHeader: legalHeader, No: b.No, NextUpdate: day(next), Entries: []blobEntry{}}
	for _, e := range b.Entries {
		maker := a
		if e.Maker != nil {
			maker = e.Maker
		}
		s, err := maker.statement(e.Model)
		if err != nil {
			return nil, err
		}
		entry := blobEntry{
			AAGUID: s.AAGUID, AttestationCertificateKeyIdentifiers: s.AttestationCertificateKeyIdentifiers,
			MetadataStatement: s, TimeOfLastStatusChange: day(validFrom),
		}
		if e.Reports == nil {
			e.Reports = []Report{{Status: NotCertified}}
		}
		for _, r := range e.Reports {
			report := blobReport{Status: r.Status}
			if !r.Since.IsZero() {
				report.EffectiveDate = day(r.Since)
				entry.TimeOfLastStatusChange = report.EffectiveDate
			}
			entry.StatusReports = append(entry.StatusReports, report)
		}
		p.Entries = append(p.Entries, entry)
	}
	return p, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// jwt signs a payload as a compact JWS (RFC 7515 §3.1).
func (a *Authority) jwt(payload any, spoilt bool) (string, error) {
	key, err := a.key("metadata signer", elliptic.P256())
	if err != nil {
		return "", err
	}
	root, err := a.issuer(metadataRootName)
	if err != nil {
		return "", err
	}
	c, err := root.certificate(metadataSignerName, key.Public(), notCA, digitalSignature)
	if err != nil {
		return "", err
	}
	leafDER, err := root.sign(c)
	if err != nil {
		return "", err
	}
	rootDER, err := a.selfSigned(metadataRootName)
	if err != nil {
		return "", err
	}
	header := struct {
		Alg string   `json:"alg"`
		Typ string   `json:"typ"`
		X5C [][]byte `json:"x5c"` // encoding/json writes the base64 that RFC 7515 §4.1.6 wants
	}{"ES256", "JWT", [][]byte{leafDER, rootDER}}

	var signed string
	for _, part := range []any{header, payload} {
		b, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		if signed != "" {
			signed += "."
		}
		signed += base64.RawURLEncoding.EncodeToString(b)
	}
	der, err := signer(key, ctap.ES256)([]byte(signed))
	if err != nil {
		return "", err
	}
	sig, err := rawSignature(der)
	if err != nil {
		return "", err
	}
	if spoilt {
		sig[len(sig)-1] ^= 1
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// rawSignature gives r and s of a P-256 signature, 32 bytes each (RFC 7518 §3.4).
func rawSignature(der []byte) ([]byte, error) {
	var rs ecdsaSignature
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	sig := make([]byte, 64)
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	return sig, nil
}
