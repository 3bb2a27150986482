// Package ceremony takes the response of a passkey ceremony apart, lets each of
// its parts be changed, and puts it together again, signed anew.
//
// What is changed early is carried on: client data that differs has another
// hash, over which another signature is made, so that a relying party can find
// nothing wrong but what was changed. An Edit belongs to a Stage:
//
//	ClientData ─► ClientDataJSON ─┐
//	PublicKey ─► AuthData ─► AuthDataBytes ─┴─► Statement ─► AttestationObject ─► Response
//	                                        └─► Signature ───────────────────────► Response
//
// Statement and AttestationObject are a registration's, Signature a sign-in's.
package ceremony

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Stage is the point at which an Edit is made.
type Stage int

const (
	ClientData        Stage = iota + 1 // c.ClientData: the members
	ClientDataJSON                     // c.ClientDataJSON: the bytes
	PublicKey                          // c.PublicKey, c.Alg, c.Public, c.Sign
	AuthData                           // c.AuthData: the fields
	AuthDataBytes                      // c.AuthenticatorData: the bytes
	Statement                          // c.Format, c.Attestation: how it is made
	AttestationObject                  // c.Object: members; then c.AttestationObject: bytes
	Signature                          // c.Signature
	Response                           // c.Response: the JSON that is posted
)

// An Edit is one change. Apply is called when everything before its stage is
// done; what it changes is what the next stages are made from.
type Edit struct {
	Stage Stage
	Apply func(*Ceremony) error
	// Stale leaves the signatures as they were without this edit.
	Stale bool
	// Optional edits are no idle fault where the response is like that by itself.
	Optional bool
}

// Source is where a response came from, and what signs it again.
type Source struct {
	// Options is the JSON that the site sent, without "publicKey" around it.
	Options []byte
	// Sign signs by the credential's key.
	Sign attest.Signer
	// Other makes a key that belongs to nobody, of an algorithm: its public
	// half and how it signs.
	Other func(ctap.Algorithm) (crypto.PublicKey, attest.Signer, error)
	// Format and Authority make the attestation statement.
	Format    attest.Format
	Authority *attest.Authority
}

// Ceremony is a response in parts. Its fields are filled stage by stage; those
// of later stages are made anew from them, and changing them early is in vain.
type Ceremony struct {
	Source
	Registration bool

	ClientData     *Object
	ClientDataJSON []byte

	Alg    ctap.Algorithm
	Public crypto.PublicKey
	// COSE is the credential public key's map, of a registration.
	COSE *Map

	AuthData          AuthenticatorData
	AuthenticatorData []byte

	// Attestation are edits of the statement's making (see package attest).
	Attestation []attest.Edit
	// Object is the attestation object's map, AttestationObject its encoding.
	Object            *Map
	AttestationObject []byte

	// Signature is a sign-in's, over Message.
	Message   []byte
	Signature []byte

	// Response is the JSON that is posted, as decoded by encoding/json.
	Response map[string]any
}

// AuthenticatorData is authenticator data in parts (WebAuthn §6.1), none of
// which depends on another.
type AuthenticatorData struct {
	RPIDHash  []byte // 32 bytes
	Flags     ctap.Flags
	SignCount uint32

	// Attested tells whether AAGUID to PublicKey are there, whatever the flag
	// says. CredentialIDLength is what is written; the length if negative.
	Attested           bool
	AAGUID             ctap.AAGUID
	CredentialID       []byte
	CredentialIDLength int
	PublicKey          []byte // nil: COSE, encoded

	Extensions []byte // a CBOR map, encoded; nil: none
	Trailing   []byte
}

// b64 is how WebAuthn's JSON writes bytes.
var b64 = base64.RawURLEncoding

// Parse takes an honest response apart: RegistrationResponseJSON or
// AuthenticationResponseJSON.
func Parse(response []byte, s Source) (*Ceremony, error) {
	c := &Ceremony{Source: s}
	if err := json.Unmarshal(response, &c.Response); err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	inner, ok := c.Response["response"].(map[string]any)
	if !ok {
		return nil, errors.New("read response: no member response")
	}
	data, err := bytesOf(inner, "clientDataJSON")
	if err != nil {
		return nil, err
	}
	if c.ClientData, err = ParseObject(data); err != nil {
		return nil, fmt.Errorf("read clientDataJSON: %w", err)
	}
	if _, c.Registration = inner["attestationObject"]; c.Registration {
		return c, c.parseRegistration(inner)
	}
	return c, c.parseAssertion(inner)
}

func (c *Ceremony) parseRegistration(inner map[string]any) error {
	data, err := bytesOf(inner, "attestationObject")
	if err != nil {
		return err
	}
	format, statement, authData, err := parseObject(data)
	if err != nil {
		return err
	}
	// What was sent decides: clients strip statements, and a format that cannot
	// attest a key gives way.
	switch format {
	case ctap.FormatNone:
		c.Format = attest.None
	case ctap.FormatPacked:
		members, err := ParseMap(statement)
		if err != nil {
			return fmt.Errorf("read attStmt: %w", err)
		}
		if members.Get("x5c") == nil {
			c.Format = attest.PackedSelf
		}
	}
	auth, err := ctap.ParseAuthData(authData)
	if err != nil {
		return fmt.Errorf("read authData: %w", err)
	}
	if c.COSE, err = ParseMap(auth.PublicKey); err != nil {
		return fmt.Errorf("read credential public key: %w", err)
	}
	if c.Alg, c.Public, err = ctap.UnmarshalPublicKey(auth.PublicKey); err != nil {
		return fmt.Errorf("read credential public key: %w", err)
	}
	c.AuthData = parts(auth)
	return nil
}

func (c *Ceremony) parseAssertion(inner map[string]any) error {
	data, err := bytesOf(inner, "authenticatorData")
	if err != nil {
		return err
	}
	auth, err := ctap.ParseAuthData(data)
	if err != nil {
		return fmt.Errorf("read authenticatorData: %w", err)
	}
	c.AuthData = parts(auth)
	c.AuthData.PublicKey = append([]byte(nil), auth.PublicKey...)
	return nil
}

func parts(a *ctap.AuthData) AuthenticatorData {
	return AuthenticatorData{
		RPIDHash: append([]byte(nil), a.RPIDHash[:]...), Flags: a.Flags, SignCount: a.SignCount,
		Attested: a.Flags&ctap.FlagAT != 0, AAGUID: a.AAGUID,
		CredentialID: append([]byte(nil), a.CredentialID...), CredentialIDLength: -1,
		Extensions: append([]byte(nil), a.Extensions...),
	}
}

// parseObject reads an attestation object, whose statement may be nested deeper
// than what CTAP carries.
func parseObject(data []byte) (format string, statement, authData []byte, err error) {
	m, err := ParseMap(data)
	if err != nil {
		return "", nil, nil, fmt.Errorf("read attestationObject: %w", err)
	}
	if err := cbor.Unmarshal(m.Get("fmt"), &format); err != nil {
		return "", nil, nil, fmt.Errorf("read fmt: %w", err)
	}
	if err := cbor.Unmarshal(m.Get("authData"), &authData); err != nil {
		return "", nil, nil, fmt.Errorf("read authData: %w", err)
	}
	return format, m.Get("attStmt"), authData, nil
}

// StatementSignature takes the signature out of a registration's attestation
// statement; an error where it has none.
func StatementSignature(response []byte) ([]byte, error) {
	var r struct {
		Response map[string]any `json:"response"`
	}
	if err := json.Unmarshal(response, &r); err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	data, err := bytesOf(r.Response, "attestationObject")
	if err != nil {
		return nil, err
	}
	_, encoded, _, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	var statement struct {
		Sig []byte `cbor:"sig"`
	}
	if err := cbor.Unmarshal(encoded, &statement); err != nil {
		return nil, fmt.Errorf("read attStmt: %w", err)
	}
	if len(statement.Sig) == 0 {
		return nil, errors.New("read attStmt: it has no signature")
	}
	return statement.Sig, nil
}

func bytesOf(object map[string]any, member string) ([]byte, error) {
	s, ok := object[member].(string)
	if !ok {
		return nil, fmt.Errorf("read response: no member %s", member)
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("read response: %s: %w", member, err)
	}
	return b, nil
}

// ClientDataHash is the SHA-256 of the client data as it now is.
func (c *Ceremony) ClientDataHash() []byte {
	h := sha256.Sum256(c.ClientDataJSON)
	return h[:]
}
