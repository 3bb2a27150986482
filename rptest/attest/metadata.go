package attest

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// Model is a kind of authenticator, as metadata speaks of it.
type Model struct {
	AAGUID      ctap.AAGUID
	Description string           // at most 200 characters; empty is a plain one
	Formats     []Format         // that it attests with; FIDOU2F alone makes it a U2F key, which has no AAGUID
	Algorithms  []ctap.Algorithm // of its credentials
	Transports  []string         // empty: internal
	Synced      bool             // its passkeys are backed up
}

// Include makes the model one that is also what other is; the AAGUID and description
// stay.
func (m *Model) Include(other Model) {
	m.Formats = union(m.Formats, other.Formats)
	m.Algorithms = union(m.Algorithms, other.Algorithms)
	m.Transports = union(m.Transports, other.Transports)
	m.Synced = m.Synced || other.Synced
}

// union appends what a list does not have.
func union[T comparable](list, more []T) []T {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// metadataStatement is a metadata statement (FIDO Metadata Statement v3.1 §4).
type metadataStatement struct {
	LegalHeader                          string              `json:"legalHeader"`
	AAGUID                               string              `json:"aaguid,omitempty"`
	AttestationCertificateKeyIdentifiers []string            `json:"attestationCertificateKeyIdentifiers,omitempty"`
	Description                          string              `json:"description"`
	AuthenticatorVersion                 uint32              `json:"authenticatorVersion"`
	ProtocolFamily                       string              `json:"protocolFamily"`
	Schema                               uint16              `json:"schema"`
	UPV                                  []version           `json:"upv"`
	AuthenticationAlgorithms             []string            `json:"authenticationAlgorithms"`
	PublicKeyAlgAndEncodings             []string            `json:"publicKeyAlgAndEncodings"`
	AttestationTypes                     []string            `json:"attestationTypes"`
	UserVerificationDetails              [][]verification    `json:"userVerificationDetails"`
	KeyProtection                        []string            `json:"keyProtection"`
	MatcherProtection                    []string            `json:"matcherProtection"`
	CryptoStrength                       uint16              `json:"cryptoStrength"`
	AttachmentHint                       []string            `json:"attachmentHint"`
	TCDisplay                            []string            `json:"tcDisplay"`
	AttestationRootCertificates          []string            `json:"attestationRootCertificates"`
	MultiDeviceCredentialSupport         string              `json:"multiDeviceCredentialSupport"`
	AuthenticatorGetInfo                 *authenticatorsInfo `json:"authenticatorGetInfo,omitempty"`
}

type version struct {
	Major uint16 `json:"major"`
	Minor uint16 `json:"minor"`
}

type verification struct {
	UserVerificationMethod string `json:"userVerificationMethod"`
}

type authenticatorsInfo struct {
	Versions   []string    `json:"versions"`
	AAGUID     string      `json:"aaguid"` // without dashes
	Algorithms []algorithm `json:"algorithms"`
}

type algorithm struct {
	Type string         `json:"type"`
	Alg  ctap.Algorithm `json:"alg"`
}

const legalHeader = "Made by Signet for tests of relying parties. It says nothing of any product."

// algorithmNames are the registry's (FIDO Registry of Predefined Values §3.6.1).
var algorithmNames = map[ctap.Algorithm]string{
	ctap.ES256:  "secp256r1_ecdsa_sha256_raw",
	ctap.ES384:  "secp384r1_ecdsa_sha384_raw",
	ctap.ES512:  "secp521r1_ecdsa_sha512_raw",
	ctap.EdDSA:  "ed25519_eddsa_sha512_raw",
	ctap.RS256:  "rsassa_pkcsv15_sha256_raw",
	ctap.ES256K: "secp256k1_ecdsa_sha256_raw",
}

// attestationTypes are the registry's (§3.6.3), by format.
var attestationTypes = map[Format][]string{
	None:         {"none"},
	PackedSelf:   {"basic_surrogate"},
	Packed:       {"basic_full"},
	PackedDirect: {"basic_full"},
	FIDOU2F:      {"basic_full"},
	TPM:          {"attca"},
	AndroidKey:   {"basic_full"},
	Apple:        {"anonca"},
	Compound:     {"basic_full", "attca"},
}

// attachmentHints are the registry's (§3.4), by transport.
var attachmentHints = map[string][]string{
	"internal": {"internal"},
	"usb":      {"external", "wired"},
	"nfc":      {"external", "wireless", "nfc"},
	"ble":      {"external", "wireless", "bluetooth"},
	"hybrid":   {"external", "wireless", "bluetooth"},
}

// isU2F tells whether the model is a U2F key.
func (m *Model) isU2F() bool { return len(m.Formats) == 1 && m.Formats[0] == FIDOU2F }

// MetadataStatement gives the FIDO metadata statement of a model, as JSON, with
// the authority's root. An algorithm that FIDO's registry does not name is
// ErrUnsupported.
func (a *Authority) MetadataStatement(m Model) ([]byte, error) {
	s, err := a.statement(m)
	if err != nil {
		return nil, fmt.Errorf("make metadata statement: %w", err)
	}
	return json.Marshal(s)
}

func (a *Authority) statement(m Model) (*metadataStatement, error) {
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	s := &metadataStatement{
		LegalHeader: legalHeader, Description: m.Description, AuthenticatorVersion: 1,
		ProtocolFamily: "fido2", Schema: 3, UPV: []version{{1, 0}, {1, 1}},
		PublicKeyAlgAndEncodings: []string{"cose"},
		UserVerificationDetails:  [][]verification{{{"presence_internal"}}, {{"passcode_internal"}, {"presence_internal"}}},
		KeyProtection:            []string{"software"},
		MatcherProtection:        []string{"software"},
		CryptoStrength:           128,
		TCDisplay:                []string{},
		AttestationTypes:         []string{},
		AuthenticationAlgorithms: []string{},

		AttestationRootCertificates:  []string{base64.StdEncoding.EncodeToString(root)},
		MultiDeviceCredentialSupport: "unsupported",
	}
	if s.Description == "" {
		s.Description = "Signet, a software authenticator for tests"
	}
	if m.Synced {
		s.MultiDeviceCredentialSupport = "implicit" // no site has to ask for it
	}
	transports := m.Transports
	if len(transports) == 0 {
		transports = []string{"internal"}
	}
	for _, t := range transports {
		s.AttachmentHint = union(s.AttachmentHint, attachmentHints[t])
	}
	info := &authenticatorsInfo{Versions: []string{"FIDO_2_1"}, AAGUID: hex.EncodeToString(m.AAGUID[:])}
	for _, alg := range m.Algorithms {
		name, ok := algorithmNames[alg]
		if !ok {
			return nil, fmt.Errorf("%v: %w", alg, ErrUnsupported)
		}
		s.AuthenticationAlgorithms = append(s.AuthenticationAlgorithms, name)
		info.Algorithms = append(info.Algorithms, algorithm{ctap.TypePublicKey, alg})
	}
	for _, format := range m.Formats {
		s.AttestationTypes = union(s.AttestationTypes, attestationTypes[format])
	}
	if !m.isU2F() {
		s.AAGUID, s.AuthenticatorGetInfo = m.AAGUID.String(), info
		return s, nil
	}
	s.ProtocolFamily, s.PublicKeyAlgAndEncodings = "u2f", []string{"ecc_x962_raw"}
	s.UserVerificationDetails = s.UserVerificationDetails[:1]
	s.AttestationCertificateKeyIdentifiers, err = a.u2fIdentifiers()
	return s, err
}

// u2fIdentifiers names the certificates of U2F keys, which have no AAGUID.
func (a *Authority) u2fIdentifiers() ([]string, error) {
	key, err := a.key(leafPurpose(FIDOU2F), elliptic.P256())
	if err != nil {
		return nil, err
	}
	id, err := keyID(key.Public())
	return []string{hex.EncodeToString(id)}, err
}
