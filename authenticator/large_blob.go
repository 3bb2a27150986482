package authenticator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A LargeBlob is what the largeBlob extension keeps for a passkey (§12.4), as the
// client sent it: clients compress (RFC 1951).
type LargeBlob struct {
	Data         []byte `cbor:"1,keyasint"`
	OriginalSize uint64 `cbor:"2,keyasint"` // bytes
}

// parseLargeBlobSupport judges makeCredential's input: its shape is closed, so
// whatever else is in it is ErrInvalidCBOR.
func (a *Authenticator) parseLargeBlobSupport(in ctap.Extensions) (string, error) {
	input, err := a.largeBlobInput(in)
	if err != nil || input == nil {
		return "", err
	}
	if input.Support == nil || input.Read != nil || input.Write != nil || input.OriginalSize != nil {
		return "", ctap.ErrInvalidCBOR
	}
	if *input.Support != "required" && *input.Support != "preferred" {
		return "", ctap.ErrInvalidCBOR
	}
	return *input.Support, nil
}

// parseLargeBlobAccess judges getAssertion's input: read, or write with
// originalSize.
func (a *Authenticator) parseLargeBlobAccess(in ctap.Extensions) (*ctap.LargeBlobInput, error) {
	input, err := a.largeBlobInput(in)
	if err != nil || input == nil {
		return nil, err
	}
	reads := input.Read != nil && *input.Read && input.Write == nil && input.OriginalSize == nil
	writes := input.Read == nil && input.Write != nil && input.OriginalSize != nil
	if input.Support != nil || !reads && !writes {
		return nil, ctap.ErrInvalidCBOR
	}
	return input, nil
}

func (a *Authenticator) largeBlobInput(in ctap.Extensions) (*ctap.LargeBlobInput, error) {
	var input ctap.LargeBlobInput
	ok, err := a.input(in, ctap.ExtLargeBlob, &input)
	if !ok {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ctap.ErrInvalidCBOR, err)
	}
	// What the struct does not have is lost when it is encoded again.
	again, err := ctap.Marshal(input)
	if err != nil || !bytes.Equal(again, in[ctap.ExtLargeBlob]) {
		return nil, ctap.ErrInvalidCBOR
	}
	return &input, nil
}

// accessLargeBlob reads or writes a credential's blob; nil where there is
// nothing to say.
func (a *Authenticator) accessLargeBlob(ctx context.Context, in *ctap.LargeBlobInput, c *credential, r *assertionRequest) (*ctap.LargeBlobOutput, error) {
	if in.Read != nil {
		var blob LargeBlob
		err := a.vault.View(ctx, func(tx keystore.Tx) error { return get(tx, largeBlobID(c.ID), &blob) })
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read large blob: %w", err)
		}
		return &ctap.LargeBlobOutput{Blob: blob.Data, OriginalSize: &blob.OriginalSize}, nil
	}
	written := r.present && r.listed && len(in.Write) <= a.profile.MaxLargeBlobArray
	if written {
		blob := LargeBlob{Data: in.Write, OriginalSize: *in.OriginalSize}
		err := a.vault.Update(context.WithoutCancel(ctx), func(tx keystore.Tx) error { return put(tx, largeBlobID(c.ID), blob) })
		if err != nil {
			return nil, fmt.Errorf("write large blob: %w", err)
		}
	}
	return &ctap.LargeBlobOutput{Written: &written}, nil
}
