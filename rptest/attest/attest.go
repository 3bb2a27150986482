package attest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// Format is one way of attesting: an attestation statement format (WebAuthn §8),
// and for packed where its trust comes from.
type Format string

// The formats.
const (
	None         Format = "none"
	PackedSelf   Format = "packed-self"   // packed, signed with the credential's own key
	Packed       Format = "packed"        // packed; x5c holds a leaf and the intermediate
	PackedDirect Format = "packed-direct" // packed; x5c holds a leaf, issued by the root
	FIDOU2F      Format = "fido-u2f"      // authenticator data must have a zero AAGUID
	TPM          Format = "tpm"           // made by software, in a TPM's structures
	AndroidKey   Format = "android-key"
	Apple        Format = "apple"    // anonymous
	Compound     Format = "compound" // several statements at once
)

// Formats lists all formats.
func Formats() []Format {
	return []Format{None, PackedSelf, Packed, PackedDirect, FIDOU2F, TPM, AndroidKey, Apple, Compound}
}

// Identifier is what the attestation object's member fmt says.
func (f Format) Identifier() string {
	switch f {
	case PackedSelf, Packed, PackedDirect:
		return ctap.FormatPacked
	}
	return string(f)
}

// Supports tells whether the format can attest a credential key of an algorithm.
// Compound is judged with the parts that it has where none are named.
func (f Format) Supports(alg ctap.Algorithm) bool {
	var algs []ctap.Algorithm
	switch f {
	case None, PackedSelf, Packed, PackedDirect:
		algs = []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.EdDSA, ctap.RS256, ctap.ES256K}
	case AndroidKey, Apple: // the leaf certificate holds the credential's key
		algs = []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.EdDSA, ctap.RS256}
	case TPM, Compound:
		algs = []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.RS256}
	case FIDOU2F:
		algs = []ctap.Algorithm{ctap.ES256}
	}
	return slices.Contains(algs, alg)
}

// ErrUnsupported is the error for a format that cannot attest the credential's
// key, and for an edit that finds nothing to change: a fault that changes nothing
// would be no fault.
var ErrUnsupported = errors.New("not supported")

// Signer signs a message as a key of a COSE algorithm does: it hashes the message
// as the algorithm says, and ECDSA signatures are in DER (WebAuthn §6.5.5).
type Signer func(message []byte) ([]byte, error)

// Input is what a statement is about.
type Input struct {
	Format Format

	// AuthData is the authenticator data, encoded. It is signed as it is and
	// not looked into, save that its first 32 bytes are the rpIdHash.
	AuthData       []byte
	ClientDataHash []byte // 32 bytes
	AAGUID         ctap.AAGUID
	CredentialID   []byte

	Alg       ctap.Algorithm   // of the credential's key
	PublicKey crypto.PublicKey // of a type that ctap.MarshalPublicKey takes
	Sign      Signer           // with the credential's key; self attestation and android-key use it

	// Parts are compound's statements; nil is packed and tpm.
	Parts []Format
}

// validFrom and validUntil are the dates of every honest certificate. Any clock of
// a device lies between them, so bytes need not depend on it; the end is the one
// that RFC 5280 §4.1.2.5 gives to certificates that do not expire.
var (
	validFrom  = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// Statement makes the statement of a new credential: the attestation object's
// members fmt and attStmt, the latter encoded as CTAP2 canonical CBOR. Edits are
// applied in their order at each step. It is ErrUnsupported if the format cannot
// attest the key or an edit finds nothing to change. Safe for concurrent use.
func (a *Authority) Statement(in Input, edits ...Edit) (format string, attStmt []byte, err error) {
	d := &draft{a: a, issuers: a, in: in, edits: edits, applied: make([]bool, len(edits))}
	if attStmt, err = d.make(); err != nil {
		return "", nil, fmt.Errorf("make %s attestation: %w", in.Format, err)
	}
	format = in.Format.Identifier()
	apply(d, func(e *Edit) func(*string) { return e.Format }, &format)
	for i, applied := range d.applied {
		if !applied {
			return "", nil, fmt.Errorf("make %s attestation: edit %d has nothing to change: %w", in.Format, i, ErrUnsupported)
		}
	}
	return format, attStmt, nil
}

// draft is a statement in the making.
type draft struct {
	a       *Authority
	issuers *Authority // a, but for edits that are Rogue
	in      Input
	edits   []Edit
	applied []bool
	leaf    *Certificate // nil without x5c
}

func (d *draft) make() ([]byte, error) {
	if len(d.in.ClientDataHash) != sha256.Size {
		return nil, fmt.Errorf("clientDataHash of %d bytes", len(d.in.ClientDataHash))
	}
	if d.in.Format == Compound {
		return d.compound()
	}
	if !d.in.Format.Supports(d.in.Alg) {
		return nil, fmt.Errorf("key of %v: %w", d.in.Alg, ErrUnsupported)
	}
	if slices.ContainsFunc(d.edits, func(e Edit) bool { return e.Rogue }) {
		d.issuers = d.a.rogue()
		for i := range d.edits {
			d.applied[i] = d.applied[i] || d.edits[i].Rogue && d.in.Format.certified()
		}
	}
	if d.in.Format == PackedSelf && len(d.edits) == 0 { // as most are
		sig, err := d.sign(d.attToBeSigned(), d.in.Alg)
		if err != nil {
			return nil, err
		}
		return ctap.Marshal(ctap.PackedStatement{Alg: d.in.Alg, Sig: sig})
	}
	members, err := d.members()
	if err != nil {
		return nil, err
	}
	apply(d, func(e *Edit) func(map[string]any) { return e.Members }, members)
	return ctap.Marshal(members)
}

// certified tells whether the format has x5c.
func (f Format) certified() bool { return f != None && f != PackedSelf && f != Compound }

func (d *draft) members() (map[string]any, error) {
	switch d.in.Format {
	case None:
		return map[string]any{}, nil
	case PackedSelf, Packed, PackedDirect:
		return d.packed()
	case FIDOU2F:
		return d.u2f()
	case TPM:
		return d.tpm()
	case AndroidKey:
		return d.androidKey()
	case Apple:
		return d.apple()
	}
	return nil, fmt.Errorf("unknown format: %w", ErrUnsupported)
}

// attToBeSigned is what most formats sign.
func (d *draft) attToBeSigned() []byte { return slices.Concat(d.in.AuthData, d.in.ClientDataHash) }

// packed is WebAuthn §8.2.
func (d *draft) packed() (map[string]any, error) {
	if d.in.Format == PackedSelf {
		sig, err := d.sign(d.attToBeSigned(), d.in.Alg)
		return map[string]any{"alg": d.in.Alg, "sig": sig}, err
	}
	leaf, err := d.newLeaf()
	if err != nil {
		return nil, err
	}
	leaf.Subject = attestationSubject("Signet test authenticator")
	aaguid, err := octets(d.in.AAGUID[:])
	if err != nil {
		return nil, err
	}
	leaf.SetExtension(oidAAGUID, false, aaguid)
	x5c, err := d.x5c(d.in.Format == Packed)
	if err != nil {
		return nil, err
	}
	sig, err := d.sign(d.attToBeSigned(), ctap.ES256)
	return map[string]any{"alg": ctap.ES256, "sig": sig, "x5c": x5c}, err
}

// u2f is WebAuthn §8.6. Its x5c has one certificate, so the root issues it.
func (d *draft) u2f() (map[string]any, error) {
	leaf, err := d.newLeaf()
	if err != nil {
		return nil, err
	}
	leaf.Subject = attestationSubject("Signet test U2F key")
	x5c, err := d.x5c(false)
	if err != nil {
		return nil, err
	}
	point, err := uncompressed(d.in.PublicKey)
	if err != nil {
		return nil, err
	}
	rpIDHash := d.in.AuthData[:min(sha256.Size, len(d.in.AuthData))]
	sig, err := d.sign(slices.Concat([]byte{0}, rpIDHash, d.in.ClientDataHash, d.in.CredentialID, point), ctap.ES256)
	return map[string]any{"sig": sig, "x5c": x5c}, err
}

// apple is WebAuthn §8.8: the certificate itself is the statement.
func (d *draft) apple() (map[string]any, error) {
	nonce := Nonce(sha256.Sum256(d.attToBeSigned()))
	apply(d, func(e *Edit) func(*Nonce) { return e.Nonce }, &nonce)
	leaf, err := d.credentialLeaf()
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(d.in.CredentialID)
	leaf.Subject = Name{{oidCommonName, fmt.Sprintf("%x", id)}, {oidUnit, "AAA Certification"}, {oidOrganization, organization}}
	value, err := nonce.marshal()
	if err != nil {
		return nil, err
	}
	leaf.SetExtension(oidAppleNonce, false, value)
	x5c, err := d.x5c(true)
	return map[string]any{"x5c": x5c}, err
}

// Nonce is what ties an apple certificate to one registration.
type Nonce [sha256.Size]byte

func (n *Nonce) marshal() ([]byte, error) {
	return asn1.Marshal(struct {
		Nonce []byte `asn1:"tag:1,explicit"`
	}{n[:]})
}

// sign makes the statement's signature, by the leaf's key where it is one of the
// authority's, else by the credential's.
func (d *draft) sign(message []byte, alg ctap.Algorithm) ([]byte, error) {
	s := &Signing{Message: bytes.Clone(message), Alg: alg, Sign: d.in.Sign, d: d}
	if d.leaf != nil && d.leaf.key != nil {
		s.Sign = signer(d.leaf.key, alg)
	}
	apply(d, func(e *Edit) func(*Signing) { return e.Signing }, s)
	if s.err != nil {
		return nil, s.err
	}
	if s.Sign == nil {
		return nil, errors.New("no signer of the credential's key is given")
	}
	b, err := s.Sign(s.Message)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	sig := &Signature{Bytes: b, order: d.order(alg)}
	apply(d, func(e *Edit) func(*Signature) { return e.Signature }, sig)
	return sig.Bytes, sig.err
}
