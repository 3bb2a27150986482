package client

import (
	"context"
	"errors"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// largeBlobInputs is the largeBlob extension's input (WebAuthn §10.1.5).
type largeBlobInputs struct {
	support *string
	hasRead bool
	read    bool
	write   []byte // nil: absent
}

// largeBlobOutputs is the largeBlob extension's output.
type largeBlobOutputs struct {
	Supported *bool   `json:"supported,omitempty"`
	Blob      *string `json:"blob,omitempty"` // base64url
	Written   *bool   `json:"written,omitempty"`
}

func parseLargeBlob(d *dictionary) *largeBlobInputs {
	_, hasRead := d.find("read")
	return &largeBlobInputs{
		support: d.optional("support"),
		hasRead: hasRead,
		read:    d.boolean("read"),
		write:   d.bytes("write", false),
	}
}

// checkCreate refuses what only makes sense at sign-in.
func (in *largeBlobInputs) checkCreate() *Error {
	if in != nil && (in.hasRead || in.write != nil) {
		return fail(NotSupportedError, "largeBlob.read and largeBlob.write are for sign-in only")
	}
	return nil
}

// checkGet refuses what only makes sense at registration, and a write that does
// not say to which credential.
func (in *largeBlobInputs) checkGet(allow []ctap.Descriptor) *Error {
	switch {
	case in == nil:
	case in.support != nil:
		return fail(NotSupportedError, "largeBlob.support is for registration only")
	case in.hasRead && in.write != nil:
		return fail(NotSupportedError, "largeBlob.read and largeBlob.write exclude each other")
	case in.write != nil && len(allow) != 1:
		return fail(NotSupportedError, "largeBlob.write needs exactly one credential in allowCredentials")
	}
	return nil
}

func (in *largeBlobInputs) required() bool {
	return in != nil && in.support != nil && *in.support == required
}

func (in *largeBlobInputs) writes() bool { return in != nil && in.write != nil }

func (in *largeBlobInputs) reads() bool { return in != nil && in.read }

// Ways in which devices keep large blobs: all in one array, each encrypted by
// the client under its credential's key (§6.10, §12.3), or one with each
// credential (§12.4). No device has both.
type largeBlobWay int

const (
	noLargeBlobs largeBlobWay = iota
	inArray
	inCredential
)

func (y *ceremony) largeBlobWay() largeBlobWay {
	switch {
	case y.info.Options["largeBlobs"] && hasExtension(y.info, ctap.ExtLargeBlobKey):
		return inArray
	case hasExtension(y.info, ctap.ExtLargeBlob):
		return inCredential
	}
	return noLargeBlobs
}

// createLargeBlob adds the authenticator's input at registration.
func (y *ceremony) createLargeBlob(in *largeBlobInputs, ext *extensionMap, rk bool) error {
	if in == nil {
		return nil
	}
	way := y.largeBlobWay()
	if way == noLargeBlobs || !rk {
		if in.required() {
			return fail(NotAllowedError, "the authenticator cannot keep large blobs for this credential")
		}
		return nil
	}
	if way == inArray {
		ext.set(ctap.ExtLargeBlobKey, true)
		return nil
	}
	support := preferred
	if in.required() {
		support = required
	}
	ext.set(ctap.ExtLargeBlob, ctap.LargeBlobInput{Support: &support})
	return nil
}

// createdLargeBlob is the client's output at registration.
func createdLargeBlob(in *largeBlobInputs, resp *ctap.MakeCredentialResponse) *largeBlobOutputs {
	if in == nil {
		return nil
	}
	supported := len(resp.LargeBlobKey) == ctap.LargeBlobKeyLength
	var out ctap.LargeBlobOutput
	if raw := resp.UnsignedExtensionOutputs[ctap.ExtLargeBlob]; raw != nil && cbor.Unmarshal(raw, &out) == nil {
		supported = supported || out.Supported != nil && *out.Supported
	}
	return &largeBlobOutputs{Supported: &supported}
}

// getLargeBlob adds the authenticator's input at sign-in.
func (y *ceremony) getLargeBlob(in *largeBlobInputs, ext *extensionMap) {
	if !in.reads() && !in.writes() {
		return
	}
	switch y.largeBlobWay() {
	case inArray:
		ext.set(ctap.ExtLargeBlobKey, true)
	case inCredential:
		if in.reads() {
			ext.set(ctap.ExtLargeBlob, ctap.LargeBlobInput{Read: ref(true)})
			return
		}
		plain, err := ctap.DeflateLargeBlob(in.write)
		if err != nil {
			ext.err = err
			return
		}
		if len(plain) > requestLimit(y.info)-requestOverhead {
			return // the device could not even be asked
		}
		ext.set(ctap.ExtLargeBlob, ctap.LargeBlobInput{Write: plain, OriginalSize: ref(uint64(len(in.write)))})
	}
}

// gotLargeBlob is the client's output at sign-in. What cannot be read or written
// does not fail the ceremony.
func (y *ceremony) gotLargeBlob(ctx context.Context, in *largeBlobInputs, resp *ctap.GetAssertionResponse) (*largeBlobOutputs, error) {
	if in == nil {
		return nil, nil
	}
	out := &largeBlobOutputs{}
	if in.writes() {
		out.Written = ref(false)
	}
	if !in.reads() && !in.writes() {
		return out, nil
	}
	if y.largeBlobWay() == inCredential {
		carriedLargeBlob(in, resp, out)
		return out, nil
	}
	if len(resp.LargeBlobKey) != ctap.LargeBlobKeyLength {
		return out, nil
	}
	err := y.useArray(ctx, in, resp.LargeBlobKey, out)
	var status ctap.Status
	if errors.As(err, &status) && ctx.Err() == nil {
		return out, nil
	}
	return out, err
}

// carriedLargeBlob takes the output that came with the assertion.
func carriedLargeBlob(in *largeBlobInputs, resp *ctap.GetAssertionResponse, out *largeBlobOutputs) {
	var got ctap.LargeBlobOutput
	raw := resp.UnsignedExtensionOutputs[ctap.ExtLargeBlob]
	if raw == nil || cbor.Unmarshal(raw, &got) != nil {
		return
	}
	if in.writes() {
		out.Written = ref(got.Written != nil && *got.Written)
		return
	}
	if got.OriginalSize == nil {
		return
	}
	if blob, err := ctap.InflateLargeBlob(got.Blob, *got.OriginalSize); err == nil {
		out.Blob = ref(encodeBase64URL(blob))
	}
}

// useArray reads or writes the credential's blob in the array.
func (y *ceremony) useArray(ctx context.Context, in *largeBlobInputs, key []byte, out *largeBlobOutputs) error {
	array, err := y.authenticator.ReadLargeBlobs(ctx, y.info)
	if err != nil {
		return err
	}
	if in.reads() {
		if blob, ok := array.Find(key); ok {
			out.Blob = ref(encodeBase64URL(blob))
		}
		return nil
	}
	if err := array.Put(key, in.write); err != nil {
		return err
	}
	if err := y.authenticator.WriteLargeBlobs(ctx, y.info, y.token, array); err != nil {
		return err
	}
	out.Written = ref(true)
	return nil
}
