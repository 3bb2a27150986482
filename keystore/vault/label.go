package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/keystore"
)

// labelEntry of the header is the sealed label: nonce ‖ AES-256-GCM(label).
var labelEntry = []byte("label")

// Label returns what the vault was labelled with; where it has no label, it gets
// this one for good. A label is a few bytes that say what the vault is for: it
// is sealed, authenticated with the vault's key, and outlives Wipe. Only a vault
// that Create has just made, or one of the first schema, can lack it, and becomes
// one of this schema: keystore.ErrCorrupt where somebody has removed it.
func (v *Vault) Label(ctx context.Context, label []byte) ([]byte, error) {
	there, version, err := v.label(ctx)
	switch {
	case err != nil:
		return nil, err
	case there != nil && version == schema:
		return there, nil
	case there != nil:
		label = there
	case version == schema && !v.made:
		return nil, v.wrap("read the label of", fmt.Errorf("it is gone: %w", keystore.ErrCorrupt))
	}
	err = v.Update(ctx, func(t keystore.Tx) error {
		sealed := make([]byte, nonceSize, nonceSize+len(label)+tagSize)
		rand.Read(sealed)
		sealed = v.keys.value.Seal(sealed, sealed, label, labelEntry)
		return t.(*tx).write(func() error {
			header := t.(*tx).btx.Bucket(headerBucket)
			return errors.Join(
				header.Put(labelEntry, sealed),
				header.Put(schemaEntry, binary.BigEndian.AppendUint32(nil, schema)),
				header.Put(checkEntry, v.keys.checks[schema-1][:]))
		})
	})
	return label, err
}

// label returns the label that is there, or nil, and the vault's schema.
func (v *Vault) label(ctx context.Context) (label []byte, version uint32, err error) {
	var sealed []byte
	err = v.View(ctx, func(t keystore.Tx) error {
		return guard(func() error {
			header := t.(*tx).btx.Bucket(headerBucket)
			sealed = bytes.Clone(header.Get(labelEntry))
			version = binary.BigEndian.Uint32(header.Get(schemaEntry))
			return nil
		})
	})
	switch {
	case err != nil || sealed == nil:
		return nil, version, err
	case len(sealed) < nonceSize+tagSize:
		return nil, version, v.wrap("read the label of", fmt.Errorf("cut off: %w", keystore.ErrCorrupt))
	}
	label, err = v.keys.value.Open([]byte{}, sealed[:nonceSize], sealed[nonceSize:], labelEntry)
	if err != nil {
		return nil, version, v.wrap("read the label of", fmt.Errorf("%w: %w", keystore.ErrCorrupt, err))
	}
	return label, version, nil
}
