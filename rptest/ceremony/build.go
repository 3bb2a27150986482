package ceremony

import (
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Build makes a response with edits, those of one stage in their order. It gives
// the JSON that is posted. Every call starts from the honest response.
func Build(response []byte, s Source, edits ...Edit) ([]byte, error) {
	b, _, err := Spoil(response, s, edits)
	return b, err
}

// Spoil makes a response with faults, each of them edits, as Build does with all.
// Idle are the places of those that change nothing, since the response is like that
// by itself: of all where they undo each other. A signature made anew is no change.
func Spoil(response []byte, s Source, faults ...[]Edit) (spoilt []byte, idle []int, err error) {
	edits := slices.Concat(faults...)
	fresh := slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return e.Stale })
	var signed *Ceremony
	if len(fresh) < len(edits) {
		if signed, _, err = build(response, s, fresh, nil); err != nil {
			return nil, nil, err
		}
	}
	c, changes, err := build(response, s, edits, signed)
	if err != nil {
		return nil, nil, err
	}
	for i, first := 0, 0; i < len(faults); i++ {
		after := first + len(faults[i])
		if changes == nil || !slices.Contains(changes[first:after], true) {
			idle = append(idle, i)
		}
		first = after
	}
	spoilt, err = c.encode()
	return spoilt, idle, err
}

// build runs the stages. Signatures are those of signed, where it is not nil. It
// tells which edits change something; nil where all together do not.
func build(response []byte, s Source, edits []Edit, signed *Ceremony) (*Ceremony, []bool, error) {
	c, err := Parse(response, s)
	if err != nil {
		return nil, nil, err
	}
	stages := c.stages(signed)
	for _, e := range edits {
		if !slices.ContainsFunc(stages, func(s step) bool { return s.at == e.Stage }) {
			return nil, nil, errors.New("an edit of what the response does not have: one is of a registration, the other of a sign-in")
		}
	}
	changes, together := make([]bool, len(edits)), false
	for _, stage := range stages {
		if err := stage.make(); err != nil {
			return nil, nil, err
		}
		w := watch{c: c, stage: stage.at, signed: signed != nil}
		for i, e := range edits {
			if e.Stage != stage.at {
				continue
			}
			w.begin()
			if err := e.Apply(c); err != nil {
				return nil, nil, fmt.Errorf("edit: %w", err)
			}
			changes[i] = w.changed(e)
		}
		together = together || w.together()
		if stage.done != nil {
			if err := stage.done(); err != nil {
				return nil, nil, err
			}
		}
	}
	if !together {
		changes = nil
	}
	return c, changes, nil
}

// step is a stage: what is made before its edits, and after them.
type step struct {
	at   Stage
	make func() error
	done func() error
}

func (c *Ceremony) stages(signed *Ceremony) []step {
	nothing := func() error { return nil }
	stages := []step{
		{at: ClientData, make: nothing},
		{at: ClientDataJSON, make: func() error { c.ClientDataJSON = c.ClientData.JSON(); return nil }},
		{at: PublicKey, make: nothing},
		{at: AuthData, make: nothing},
		{at: AuthDataBytes, make: c.makeAuthData},
	}
	if c.Registration {
		stages = append(stages,
			step{at: Statement, make: nothing, done: func() error { return c.makeStatement(signed) }},
			step{at: AttestationObject, make: c.makeObject, done: c.finishObject})
	} else {
		stages = append(stages, step{at: Signature, make: func() error { return c.makeSignature(signed) }})
	}
	return append(stages, step{at: Response, make: c.makeResponse})
}

func (c *Ceremony) makeAuthData() error {
	c.AuthenticatorData = c.authData()
	return nil
}

// authData encodes AuthData.
func (c *Ceremony) authData() []byte {
	a := c.AuthData
	b := append([]byte(nil), a.RPIDHash...)
	b = append(b, byte(a.Flags))
	b = binary.BigEndian.AppendUint32(b, a.SignCount)
	if a.Attested {
		length := len(a.CredentialID)
		if a.CredentialIDLength >= 0 {
			length = a.CredentialIDLength
		}
		key := a.PublicKey
		if key == nil && c.COSE != nil {
			key = c.COSE.CBOR()
		}
		b = append(b, a.AAGUID[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(length))
		b = append(b, a.CredentialID...)
		b = append(b, key...)
	}
	b = append(b, a.Extensions...)
	return append(b, a.Trailing...)
}

func (c *Ceremony) makeStatement(signed *Ceremony) error {
	if signed != nil {
		c.Object = signed.Object.Clone()
		c.Object.Set("authData", c.AuthenticatorData)
		return nil
	}
	format, statement, err := c.Authority.Statement(attest.Input{
		Format: c.Format, AuthData: c.AuthenticatorData, ClientDataHash: c.ClientDataHash(),
		AAGUID: c.AuthData.AAGUID, CredentialID: c.AuthData.CredentialID,
		Alg: c.Alg, PublicKey: c.Public, Sign: c.Sign,
	}, c.Attestation...)
	if err != nil {
		return err
	}
	c.Object = new(Map)
	c.Object.Set("fmt", format)
	c.Object.Set("attStmt", ctap.RawMessage(statement))
	c.Object.Set("authData", c.AuthenticatorData)
	return c.Object.Err()
}

// makeObject lets edits change members; those that want bytes change
// AttestationObject, which then wins.
func (c *Ceremony) makeObject() error {
	c.AttestationObject = nil
	return nil
}

func (c *Ceremony) finishObject() error {
	if c.AttestationObject == nil {
		c.AttestationObject = c.Object.CBOR()
	}
	return c.Object.Err()
}

func (c *Ceremony) makeSignature(signed *Ceremony) error {
	if signed != nil {
		c.Signature = slices.Clone(signed.Signature)
		return nil
	}
	c.Message = slices.Concat(c.AuthenticatorData, c.ClientDataHash())
	var err error
	if c.Signature, err = c.Sign(c.Message); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// makeResponse puts the parts into the JSON. Of a registration, the members that
// repeat what is in authenticator data follow it.
func (c *Ceremony) makeResponse() error {
	inner := c.Response["response"].(map[string]any)
	inner["clientDataJSON"] = b64.EncodeToString(c.ClientDataJSON)
	inner["authenticatorData"] = b64.EncodeToString(c.AuthenticatorData)
	if !c.Registration {
		inner["signature"] = b64.EncodeToString(c.Signature)
		return nil
	}
	inner["attestationObject"] = b64.EncodeToString(c.AttestationObject)
	id := b64.EncodeToString(c.AuthData.CredentialID)
	c.Response["id"], c.Response["rawId"] = id, id
	c.describeKey(inner)
	return nil
}

// describeKey repeats the credential public key in the JSON as browsers do: those
// that they do not know have no publicKey.
func (c *Ceremony) describeKey(inner map[string]any) {
	inner["publicKeyAlgorithm"] = c.Alg
	delete(inner, "publicKey")
	encoded := c.AuthData.PublicKey
	if encoded == nil {
		encoded = c.COSE.CBOR()
	}
	labels := readLabels(encoded)
	if labels == nil {
		return
	}
	var alg ctap.Algorithm
	if cbor.Unmarshal(labels[3], &alg) == nil {
		inner["publicKeyAlgorithm"] = alg
	}
	canonical, err := ctap.Marshal(labels)
	if err != nil {
		return
	}
	_, public, err := ctap.UnmarshalPublicKey(canonical)
	if err != nil {
		return
	}
	if spki, err := x509.MarshalPKIXPublicKey(public); err == nil {
		inner["publicKey"] = b64.EncodeToString(spki)
	}
}

// readLabels reads a COSE_Key whatever its order and form: nil where it cannot. Of
// labels that are there twice the first counts, which edits leave as it was.
func readLabels(encoded []byte) map[int64]ctap.RawMessage {
	labels := map[int64]ctap.RawMessage{}
	m, err := ParseMap(encoded)
	if err != nil { // perhaps of indefinite length
		if cbor.Unmarshal(encoded, &labels) != nil {
			return nil
		}
		return labels
	}
	for _, p := range m.pairs {
		var label int64
		if cbor.Unmarshal(p.key, &label) != nil {
			return nil
		}
		if _, twice := labels[label]; !twice {
			labels[label] = p.value
		}
	}
	return labels
}

func (c *Ceremony) encode() ([]byte, error) {
	b, err := json.Marshal(c.Response)
	if err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return b, nil
}
