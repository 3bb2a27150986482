package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/seed-77d61853/signet/keystore"
)

// labelEntry of the header is the sealed label: nonce ‖ AES-256-GCM(label).
var labelEntry = []byte("label")

// Label returns what the vault was labelled with; where it has no label, it gets
// this one for good. A label is a few bytes that say what the vault is for: it
// is sealed, authenticated with the vault's key, and outlives Wipe.
func (v *Vault) Label(ctx context.Context, label []byte) ([]byte, error) {
	there, err := v.label(ctx)
	if err != nil || there != nil {
		return there, err
	}
	err = v.Update(ctx, func(t keystore.Tx) error {
		sealed := make([]byte, nonceSize, nonceSize+len(label)+tagSize)
		rand.Read(sealed)
		sealed = v.keys.value.Seal(sealed, sealed, label, labelEntry)
		return t.(*tx).write(func() error { return t.(*tx).btx.Bucket(headerBucket).Put(labelEntry, sealed) })
	})
	return label, err
}

// label returns the label that is there, or nil.
func (v *Vault) label(ctx context.Context) (label []byte, err error) {
	var sealed []byte
	err = v.View(ctx, func(t keystore.Tx) error {
		return guard(func() error {
			sealed = bytes.Clone(t.(*tx).btx.Bucket(headerBucket).Get(labelEntry))
			return nil
		})
	})
	switch {
	case err != nil || sealed == nil:
		return nil, err
	case len(sealed) < nonceSize+tagSize:
		return nil, v.wrap("read the label of", fmt.Errorf("cut off: %w", keystore.ErrCorrupt))
	}
	label, err = v.keys.value.Open([]byte{}, sealed[:nonceSize], sealed[nonceSize:], labelEntry)
	if err != nil {
		return nil, v.wrap("read the label of", fmt.Errorf("%w: %w", keystore.ErrCorrupt, err))
	}
	return label, nil
}
