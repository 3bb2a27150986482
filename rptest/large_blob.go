package rptest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Devices keep large blobs in one of two ways: each with its passkey (CTAP §12.4),
// or all in one array, encrypted by clients under a key that belongs to the passkey
// (§6.10, §12.3).

// largeBlobs is the extension by which the device keeps large blobs; empty: it
// keeps none.
func (d *Device) largeBlobs() string {
	extensions := d.config.profile().Extensions
	for _, e := range []string{ctap.ExtLargeBlob, ctap.ExtLargeBlobKey} {
		if slices.Contains(extensions, e) {
			return e
		}
	}
	return ""
}

// equip gives a passkey that is to be added its large blob, or the key to the array.
// The latter gets every passkey that may have a blob, so that it can be written.
func (d *Device) equip(ctx context.Context, s *authenticator.Source, c Credential) error {
	way := d.largeBlobs()
	if c.LargeBlob != nil {
		switch {
		case way == "":
			return errors.New("the device keeps no large blobs")
		case !c.IsResidentCredential:
			return errors.New("only a resident credential can have a largeBlob")
		case len(c.LargeBlob) > ctap.MaxLargeBlob:
			return fmt.Errorf("largeBlob has %d bytes, and may have %d", len(c.LargeBlob), ctap.MaxLargeBlob)
		}
	}
	switch {
	case way == ctap.ExtLargeBlobKey && c.IsResidentCredential:
		key, err := d.root.Derive(ctx, "imported large blob", s.ID, keystore.Ungated)
		if err != nil {
			return fmt.Errorf("make largeBlobKey: %w", err)
		}
		s.LargeBlobKey = key[:]
	case way == ctap.ExtLargeBlob && c.LargeBlob != nil:
		data, err := ctap.DeflateLargeBlob(c.LargeBlob)
		if err != nil {
			return fmt.Errorf("compress largeBlob: %w", err)
		}
		s.LargeBlob = &authenticator.LargeBlob{Data: data, OriginalSize: uint64(len(c.LargeBlob))}
	}
	return nil
}

// largeBlob is a passkey's blob; nil where it has none, or one that is no client's.
func largeBlob(s *authenticator.Source, array *client.LargeBlobArray) []byte {
	if array != nil && s.LargeBlobKey != nil {
		blob, _ := array.Find(s.LargeBlobKey)
		return blob
	}
	if s.LargeBlob == nil {
		return nil
	}
	blob, err := ctap.InflateLargeBlob(s.LargeBlob.Data, s.LargeBlob.OriginalSize)
	if err != nil {
		return nil
	}
	return blob
}

// readLargeBlobs reads the array; nil on a device without one.
func (d *Device) readLargeBlobs(ctx context.Context, o *authenticator.Owner) (array *client.LargeBlobArray, err error) {
	if d.largeBlobs() != ctap.ExtLargeBlobKey {
		return nil, nil
	}
	err = o.EditLargeBlobs(ctx, func(data []byte) ([]byte, error) {
		array, err = client.ParseLargeBlobArray(data)
		return data, err
	})
	return array, err
}

// putLargeBlob puts a blob into the array; without key or blob it does nothing.
func putLargeBlob(ctx context.Context, o *authenticator.Owner, key, blob []byte) error {
	if key == nil || blob == nil {
		return nil
	}
	return editLargeBlobs(ctx, o, func(array *client.LargeBlobArray) error { return array.Put(key, blob) })
}

// dropLargeBlob takes out of the array what a key opens.
func dropLargeBlob(ctx context.Context, o *authenticator.Owner, key []byte) error {
	if key == nil {
		return nil
	}
	return editLargeBlobs(ctx, o, func(array *client.LargeBlobArray) error {
		array.Delete(key)
		return nil
	})
}

func editLargeBlobs(ctx context.Context, o *authenticator.Owner, edit func(*client.LargeBlobArray) error) error {
	err := o.EditLargeBlobs(ctx, func(data []byte) ([]byte, error) {
		array, err := client.ParseLargeBlobArray(data)
		if err != nil {
			return nil, err
		}
		if err := edit(array); err != nil {
			return nil, err
		}
		return array.Marshal()
	})
	if err != nil {
		return fmt.Errorf("large-blob array: %w", err)
	}
	return nil
}
