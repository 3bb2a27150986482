package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// prfInputs is the prf extension's input (WebAuthn §10.1.4).
type prfInputs struct {
	eval            *prfValues
	hasByCredential bool
	byCredential    map[string]*prfValues // by credential ID, in base64url
}

type prfValues struct {
	first  []byte
	second []byte // nil: absent
}

// prfOutputs is the prf extension's output.
type prfOutputs struct {
	Enabled *bool       `json:"enabled,omitempty"`
	Results *prfResults `json:"results,omitempty"`
}

// prfResults holds outputs of 32 bytes each, in base64url.
type prfResults struct {
	First  string `json:"first"`
	Second string `json:"second,omitempty"`
}

func parsePRF(d *dictionary) *prfInputs {
	in := &prfInputs{}
	if eval, ok := d.object("eval", false); ok {
		in.eval = parsePRFValues(&eval)
	}
	by, ok := d.object("evalByCredential", false)
	if !ok {
		return in
	}
	in.hasByCredential = true
	in.byCredential = make(map[string]*prfValues)
	for id, values := range by.record() {
		in.byCredential[id] = parsePRFValues(&values)
	}
	return in
}

func parsePRFValues(d *dictionary) *prfValues {
	return &prfValues{first: d.bytes("first", true), second: d.bytes("second", false)}
}

// checkCreate refuses what only makes sense at sign-in.
func (in *prfInputs) checkCreate() *Error {
	if in != nil && in.hasByCredential {
		return fail(NotSupportedError, "prf.evalByCredential is for sign-in only")
	}
	return nil
}

// checkGet holds the credentials of evalByCredential against the allow list.
func (in *prfInputs) checkGet(allow []ctap.Descriptor) *Error {
	if in == nil {
		return nil
	}
	if len(in.byCredential) > 0 && len(allow) == 0 {
		return fail(NotSupportedError, "prf.evalByCredential needs allowCredentials")
	}
	for key := range in.byCredential {
		id, ok := decodeBase64URL([]byte(key))
		if !ok || len(id) == 0 {
			return fail(SyntaxError, "a key of prf.evalByCredential is not a credential ID in base64url")
		}
		if !listed(allow, id) {
			return fail(SyntaxError, "a key of prf.evalByCredential is not in allowCredentials")
		}
	}
	return nil
}

// evaluates reports whether any values are given.
func (in *prfInputs) evaluates() bool {
	return in != nil && (in.eval != nil || len(in.byCredential) > 0)
}

// values gives those for the credential that the device was found to have: its
// own, or else the common ones, or nil.
func (in *prfInputs) values(found []ctap.Descriptor) *prfValues {
	if len(found) == 1 {
		if v := in.byCredential[encodeBase64URL(found[0].ID)]; v != nil {
			return v
		}
	}
	return in.eval
}

func listed(list []ctap.Descriptor, id []byte) bool {
	for _, d := range list {
		if bytes.Equal(d.ID, id) {
			return true
		}
	}
	return false
}

// prfSalt maps a page's input to hmac-secret's, so that pages cannot ask for
// what programs outside the browser use (WebAuthn §10.1.4).
func prfSalt(input []byte) [32]byte {
	return sha256.Sum256(append([]byte("WebAuthn PRF\x00"), input...))
}

// hmacSecret is one evaluation of hmac-secret under way.
type hmacSecret struct {
	secret *pinuv.SharedSecret
	two    bool
}

// evaluate agrees on a secret and encrypts the salts: the input of hmac-secret in
// getAssertion, of hmac-secret-mc in makeCredential (§12.7).
func (y *ceremony) evaluate(ctx context.Context, v *prfValues) (*ctap.HMACSecretInput, error) {
	p := Protocol(y.info)
	mine, secret, err := y.authenticator.agree(ctx, p)
	if err != nil {
		return nil, err
	}
	y.evaluation = &hmacSecret{secret, v.second != nil}
	first := prfSalt(v.first)
	salts := first[:]
	if v.second != nil {
		second := prfSalt(v.second)
		salts = append(salts, second[:]...)
	}
	saltEnc, err := secret.Encrypt(salts)
	if err != nil {
		return nil, fmt.Errorf("prf: %w", err)
	}
	in := &ctap.HMACSecretInput{KeyAgreement: mine, SaltEnc: saltEnc, SaltAuth: secret.Authenticate(saltEnc)}
	if p != pinuv.One {
		in.PinUvAuthProtocol = ref(uint64(p))
	}
	return in, nil
}

// wipe forgets the secret. A nil evaluation has none.
func (h *hmacSecret) wipe() {
	if h != nil {
		h.secret.Wipe()
	}
}

// results decrypts the device's output; nil where it gave none, was not asked, or
// did not verify the person: what it gives then is another function's.
func (h *hmacSecret) results(auth *ctap.AuthData, enc []byte) (*prfResults, error) {
	if h == nil || enc == nil || auth.Flags&ctap.FlagUV == 0 {
		return nil, nil
	}
	out, err := h.secret.Decrypt(enc)
	if err != nil {
		return nil, fmt.Errorf("%w: hmac-secret output: %v", errReply, err)
	}
	defer clear(out)
	want := 32
	if h.two {
		want = 64
	}
	if len(out) != want {
		return nil, fmt.Errorf("%w: hmac-secret output of %d bytes", errReply, len(out))
	}
	r := &prfResults{First: encodeBase64URL(out[:32])}
	if h.two {
		r.Second = encodeBase64URL(out[32:])
	}
	return r, nil
}
