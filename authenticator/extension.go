package authenticator

import (
	"bytes"
	"context"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// makeExtensions and getExtensions are the extension inputs of a command, as far
// as the profile has the extension; the rest is ignored, whatever it holds.
// Input is judged before the person is asked for anything.
type makeExtensions struct {
	credProtect         *uint64
	hmacSecret          bool
	hmacSecretMC        *hmacSecret
	credBlob            []byte // nil: absent
	largeBlobKey        bool
	largeBlob           string // "required", "preferred" or absent
	minPINLength        bool
	pinComplexityPolicy bool
	thirdPartyPayment   *bool
}

func (e *makeExtensions) wipe() {
	if e.hmacSecretMC != nil {
		e.hmacSecretMC.wipe()
	}
}

type getExtensions struct {
	hmacSecret        *hmacSecret
	credBlob          bool
	largeBlobKey      bool
	largeBlob         *ctap.LargeBlobInput
	thirdPartyPayment bool
}

func (e *getExtensions) wipe() {
	if e.hmacSecret != nil {
		e.hmacSecret.wipe()
	}
}

// clone makes the inputs outlive their request.
func (e getExtensions) clone() getExtensions {
	if e.hmacSecret != nil {
		e.hmacSecret = e.hmacSecret.clone()
	}
	return e
}

// outputs of extensions: signed ones go into the authenticator data as an
// encoded map, nil where there is none; the others stand in the reply.
type outputs struct {
	signed   []byte
	unsigned ctap.Extensions
}

// input decodes one extension's input into v, if the profile has the extension
// and the request names it.
func (a *Authenticator) input(in ctap.Extensions, id string, v any) (bool, error) {
	raw, ok := in[id]
	if !ok || !a.profile.has(id) {
		return false, nil
	}
	return true, ctap.UnmarshalPart(raw, v)
}

// flagInput decodes an extension's boolean input.
func (a *Authenticator) flagInput(in ctap.Extensions, id string) (value bool, err error) {
	_, err = a.input(in, id, &value)
	return value, err
}

// parseMakeExtensions judges makeCredential's extension inputs (§12).
func (a *Authenticator) parseMakeExtensions(in ctap.Extensions, rk bool) (e makeExtensions, err error) {
	if len(in) == 0 {
		return e, nil
	}
	var level uint64
	if ok, err := a.input(in, ctap.ExtCredProtect, &level); err != nil {
		return e, err
	} else if ok {
		if level < ctap.CredProtectOptional || level > ctap.CredProtectRequired {
			return e, ctap.ErrInvalidOption
		}
		e.credProtect = &level
	}
	var blob ctap.Bytes
	if ok, err := a.input(in, ctap.ExtCredBlob, &blob); err != nil {
		return e, err
	} else if ok {
		e.credBlob = blob
	}
	var payment bool
	if ok, err := a.input(in, ctap.ExtThirdPartyPayment, &payment); err != nil {
		return e, err
	} else if ok {
		e.thirdPartyPayment = &payment
	}
	if e.minPINLength, err = a.flagInput(in, ctap.ExtMinPINLength); err != nil {
		return e, err
	}
	if e.pinComplexityPolicy, err = a.flagInput(in, ctap.ExtPINComplexityPolicy); err != nil {
		return e, err
	}
	if ok, err := a.input(in, ctap.ExtLargeBlobKey, &e.largeBlobKey); err != nil {
		return e, err
	} else if ok && (!e.largeBlobKey || !rk) {
		return e, ctap.ErrInvalidOption
	}
	if e.largeBlob, err = a.parseLargeBlobSupport(in); err != nil {
		return e, err
	}
	if e.hmacSecret, err = a.flagInput(in, ctap.ExtHMACSecret); err != nil {
		return e, err
	}
	e.hmacSecretMC, err = a.parseHMACSecret(in, ctap.ExtHMACSecretMC, true)
	if err == nil && e.hmacSecretMC != nil && !e.hmacSecret {
		err = ctap.ErrMissingParameter
	}
	return e, err
}

// makeExtensions processes the extensions for a new credential, filling in what
// it stores (§12).
func (a *Authenticator) makeExtensions(ctx context.Context, e makeExtensions, c *credential, uv bool) (outputs, error) {
	c.CredProtect = ctap.CredProtectOptional
	signed, unsigned := map[string]any{}, map[string]any{}
	if e.credProtect != nil {
		c.CredProtect = *e.credProtect
		signed[ctap.ExtCredProtect] = c.CredProtect
	}
	if e.credBlob != nil {
		stored := c.Discoverable && len(e.credBlob) <= a.profile.MaxCredBlobLength
		if stored {
			c.CredBlob = e.credBlob
		}
		signed[ctap.ExtCredBlob] = stored
	}
	if e.largeBlobKey {
		c.LargeBlobKey = a.random.bytes(ctap.LargeBlobKeyLength, "large blob key", c.ID)
	}
	if e.largeBlob != "" {
		supported := true
		unsigned[ctap.ExtLargeBlob] = ctap.LargeBlobOutput{Supported: &supported}
	}
	if e.thirdPartyPayment != nil {
		c.ThirdPartyPayment = *e.thirdPartyPayment
	}
	listed := slices.Contains(a.state.MinPINLengthRPIDs, c.RPID)
	if e.minPINLength && listed {
		signed[ctap.ExtMinPINLength] = a.state.MinPINLength
	}
	if e.pinComplexityPolicy && listed {
		signed[ctap.ExtPINComplexityPolicy] = a.state.PINComplexity
	}
	if e.hmacSecret {
		signed[ctap.ExtHMACSecret] = true
	}
	if e.hmacSecretMC != nil {
		out, err := a.evaluateHMACSecret(ctx, e.hmacSecretMC, c, uv)
		if err != nil {
			return outputs{}, err
		}
		signed[ctap.ExtHMACSecretMC] = out
	}
	return encodeOutputs(signed, unsigned)
}

// parseGetExtensions judges getAssertion's extension inputs (§12).
func (a *Authenticator) parseGetExtensions(in ctap.Extensions, up bool) (_ getExtensions, err error) {
	if len(in) == 0 {
		return getExtensions{}, nil
	}
	var e getExtensions // on the heap: not for those that ask for none
	if e.credBlob, err = a.flagInput(in, ctap.ExtCredBlob); err != nil {
		return e, err
	}
	if e.thirdPartyPayment, err = a.flagInput(in, ctap.ExtThirdPartyPayment); err != nil {
		return e, err
	}
	if ok, err := a.input(in, ctap.ExtLargeBlobKey, &e.largeBlobKey); err != nil {
		return e, err
	} else if ok && !e.largeBlobKey {
		return e, ctap.ErrInvalidOption
	}
	if e.largeBlob, err = a.parseLargeBlobAccess(in); err != nil {
		return e, err
	}
	if bytes.Equal(in[ctap.ExtHMACSecret], cborFalse) {
		return e, nil
	}
	e.hmacSecret, err = a.parseHMACSecret(in, ctap.ExtHMACSecret, up)
	return e, err
}

// cborFalse is how some clients say that they do not want an extension.
var cborFalse = []byte{0xF4}

// getExtensions processes the extensions for one assertion (§12).
func (a *Authenticator) getExtensions(ctx context.Context, e *getExtensions, c *credential, r *assertionRequest) (outputs, error) {
	if *e == (getExtensions{}) {
		return outputs{}, nil
	}
	signed, unsigned := map[string]any{}, map[string]any{}
	if e.credBlob {
		signed[ctap.ExtCredBlob] = ctap.Bytes(append([]byte{}, c.CredBlob...))
	}
	if e.thirdPartyPayment {
		signed[ctap.ExtThirdPartyPayment] = c.ThirdPartyPayment
	}
	if e.largeBlob != nil {
		out, err := a.accessLargeBlob(ctx, e.largeBlob, c, r)
		if err != nil {
			return outputs{}, err
		}
		if out != nil {
			unsigned[ctap.ExtLargeBlob] = out
		}
	}
	if e.hmacSecret != nil {
		out, err := a.evaluateHMACSecret(ctx, e.hmacSecret, c, r.verified)
		if err != nil {
			return outputs{}, err
		}
		signed[ctap.ExtHMACSecret] = out
	}
	return encodeOutputs(signed, unsigned)
}

func encodeOutputs(signed, unsigned map[string]any) (o outputs, err error) {
	if len(signed) > 0 {
		if o.signed, err = ctap.Marshal(signed); err != nil {
			return outputs{}, err
		}
	}
	for id, v := range unsigned {
		if o.unsigned == nil {
			o.unsigned = ctap.Extensions{}
		}
		if o.unsigned[id], err = ctap.Marshal(v); err != nil {
			return outputs{}, err
		}
	}
	return o, nil
}
