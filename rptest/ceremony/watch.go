package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// watch tells which edits of a stage change what is posted, by what the stage has
// made before and after them.
type watch struct {
	c      *Ceremony
	stage  Stage
	signed bool // signatures are kept, so statements are not made

	first, before []byte // before the stage's edits, before the next one
	opaque        bool   // an edit has changed something that content does not show
}

func (w *watch) begin() {
	w.before = w.content()
	if w.first == nil {
		w.first = w.before
	}
}

// changed tells whether the edit since begin has changed something, or need not have.
// What is done to signatures has, unless the honest response is back.
func (w *watch) changed(e Edit) bool {
	opaque := w.stage == Signature && !w.honest() || w.stage == Statement && w.signed && !e.Stale
	w.opaque = w.opaque || opaque || e.Optional
	return opaque || e.Optional || !bytes.Equal(w.before, w.content())
}

// honest tells whether a sign-in's parts are those of the response that was taken
// apart, which the JSON still holds.
func (w *watch) honest() bool {
	inner := w.c.Response["response"].(map[string]any)
	for name, part := range map[string][]byte{
		"clientDataJSON": w.c.ClientDataJSON, "authenticatorData": w.c.AuthenticatorData, "signature": w.c.Signature,
	} {
		if inner[name] != b64.EncodeToString(part) {
			return false
		}
	}
	return true
}

// together tells whether the stage's edits have changed something, one after another.
func (w *watch) together() bool {
	return w.opaque || w.first != nil && !bytes.Equal(w.first, w.content())
}

// content is what the stage's edits change, in bytes that are the same where that is
// the same; never nil.
func (w *watch) content() []byte {
	c := w.c
	b := []byte{byte(w.stage)}
	switch w.stage {
	case ClientData:
		return append(b, c.ClientData.JSON()...)
	case ClientDataJSON:
		return append(b, c.ClientDataJSON...)
	case PublicKey:
		b = fmt.Append(b, c.Alg, c.Public)
		if c.COSE != nil {
			b = append(b, c.COSE.CBOR()...)
		}
		return b
	case AuthData: // the ID is in the JSON, too, which has it where the data do not
		return append(append(b, c.AuthData.CredentialID...), c.authData()...)
	case AuthDataBytes:
		return append(b, c.AuthenticatorData...)
	case Statement:
		if w.signed {
			return b
		}
		return fmt.Append(b, c.Format, len(c.Attestation))
	case AttestationObject:
		if c.AttestationObject != nil {
			return append(b, c.AttestationObject...)
		}
		return append(b, c.Object.CBOR()...)
	}
	text, err := json.Marshal(c.Response)
	if err != nil {
		return b // encode tells of it
	}
	return append(b, text...)
}
