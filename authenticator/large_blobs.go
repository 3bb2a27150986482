package authenticator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// largeBlobsID names the record that holds the large-blob array.
var largeBlobsID = []byte("blobs")

// blobTrailer is the length of the array's checksum in bytes (§6.10.1).
const blobTrailer = 16

// initialLargeBlobs is an empty CBOR array and its checksum (§6.10.1).
func initialLargeBlobs() []byte {
	digest := sha256.Sum256([]byte{0x80})
	return append([]byte{0x80}, digest[:blobTrailer]...)
}

// largeBlobs is authenticatorLargeBlobs (§6.10.2).
func (a *Authenticator) largeBlobs(ctx context.Context, s *ctap.Session, params []byte) (any, error) {
	var req ctap.LargeBlobsRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	if req.Offset == nil || (req.Get == nil) == (req.Set == nil) {
		return nil, ctap.ErrInvalidParameter
	}
	maxFragment := uint64(s.RequestLimit() - ctap.LargeBlobOverhead)
	if req.Get != nil {
		return a.readLargeBlobs(ctx, &req, maxFragment)
	}
	return nil, a.writeLargeBlobs(ctx, s, &req, maxFragment)
}

func (a *Authenticator) readLargeBlobs(ctx context.Context, req *ctap.LargeBlobsRequest, maxFragment uint64) (any, error) {
	if req.Length != nil || req.PinUvAuthParam != nil || req.PinUvAuthProtocol != nil {
		return nil, ctap.ErrInvalidParameter
	}
	if *req.Get > maxFragment {
		return nil, ctap.ErrInvalidLength
	}
	stored, err := a.storedLargeBlobs(ctx)
	if err != nil {
		return nil, err
	}
	size := uint64(len(stored))
	if *req.Offset > size {
		return nil, ctap.ErrInvalidParameter
	}
	end := min(size, *req.Offset+*req.Get)
	return &ctap.LargeBlobsResponse{Config: append(ctap.Bytes{}, stored[*req.Offset:end]...)}, nil
}

// storedLargeBlobs is the array with its checksum.
func (a *Authenticator) storedLargeBlobs(ctx context.Context) ([]byte, error) {
	stored := initialLargeBlobs()
	err := a.vault.View(ctx, func(tx keystore.Tx) error {
		r, err := tx.Get(largeBlobsID)
		if err == nil {
			stored = r.Value
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read large blobs: %w", err)
	}
	return stored, nil
}

func (a *Authenticator) writeLargeBlobs(ctx context.Context, s *ctap.Session, req *ctap.LargeBlobsRequest, maxFragment uint64) error {
	fragment, offset := req.Set, *req.Offset
	if uint64(len(fragment)) > maxFragment {
		return ctap.ErrInvalidLength
	}
	if err := a.checkBlobPlace(s, req); err != nil {
		return err
	}
	var token uint64
	if a.protected() || a.state.AlwaysUv {
		if err := a.authorizeBlob(req); err != nil {
			return err
		}
		token = a.token.serial
	}
	// Only now: who may not write must not end what another session has begun.
	if offset == 0 {
		a.pending.begin(pendingBlob, s, a.now(), token)
		a.pending.blob = blobWrite{expectedLength: *req.Length}
	}
	a.pending.token = token
	write := &a.pending.blob
	if offset+uint64(len(fragment)) > write.expectedLength {
		return ctap.ErrInvalidParameter
	}
	write.data = append(write.data, fragment...)
	a.pending.continued(a.now())
	if uint64(len(write.data)) < write.expectedLength {
		return nil
	}
	data := write.data
	a.pending.drop()
	return a.commitBlob(ctx, data)
}

// checkBlobPlace checks that a fragment begins an array that fits, or continues
// the one under way.
func (a *Authenticator) checkBlobPlace(s *ctap.Session, req *ctap.LargeBlobsRequest) error {
	switch {
	case *req.Offset > 0 && req.Length != nil:
		return ctap.ErrInvalidParameter
	case *req.Offset > 0:
		if !a.pending.of(pendingBlob, s) || *req.Offset != uint64(len(a.pending.blob.data)) {
			return ctap.ErrInvalidSeq
		}
	case req.Length == nil:
		return ctap.ErrInvalidParameter
	case *req.Length > uint64(a.profile.MaxLargeBlobArray):
		return ctap.ErrLargeBlobStorageFull
	case *req.Length < blobTrailer+1:
		return ctap.ErrInvalidParameter
	}
	return nil
}

// authorizeBlob checks that the token allows this fragment at this place.
func (a *Authenticator) authorizeBlob(req *ctap.LargeBlobsRequest) error {
	if req.PinUvAuthParam == nil {
		return ctap.ErrPUATRequired
	}
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(req.Set)
	head := []byte{byte(ctap.CommandLargeBlobs), 0}
	head = binary.LittleEndian.AppendUint32(head, uint32(*req.Offset))
	if err := a.token.verify(p, req.PinUvAuthParam, authPrefix(), head, digest[:]); err != nil {
		return err
	}
	return a.token.require(ctap.PermissionLBW)
}

// authPrefix begins what is authenticated for largeBlobs and config, so that it
// cannot be mistaken for a client data hash.
func authPrefix() []byte { return slices.Repeat([]byte{0xFF}, 32) }

// commitBlob replaces the stored array, if the new one's checksum holds.
func (a *Authenticator) commitBlob(ctx context.Context, data []byte) error {
	content, trailer := data[:len(data)-blobTrailer], data[len(data)-blobTrailer:]
	digest := sha256.Sum256(content)
	if !constantTimeEqual(digest[:blobTrailer], trailer) {
		return ctap.ErrIntegrityFailure
	}
	err := a.changeWith(ctx, func(tx keystore.Tx, _ *state) error {
		return tx.Put(keystore.Record{ID: largeBlobsID, Value: data})
	})
	if err != nil {
		return fmt.Errorf("write large blobs: %w", err)
	}
	return nil
}

// EditLargeBlobs replaces the large-blob array by what edit makes of it; both are
// CBOR arrays, without the hash behind them (§6.10.2). Nothing is written where edit
// returns an error, or what it was given. edit must not call other methods.
// ctap.ErrInvalidCommand on a device without the array,
// ctap.ErrLargeBlobStorageFull where there is no room.
func (o *Owner) EditLargeBlobs(ctx context.Context, edit func(array []byte) ([]byte, error)) error {
	a := o.a
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	if !a.profile.has(ctap.ExtLargeBlobKey) {
		return ctap.ErrInvalidCommand
	}
	stored, err := a.storedLargeBlobs(ctx)
	if err != nil {
		return err
	}
	array := stored[:len(stored)-blobTrailer]
	edited, err := edit(bytes.Clone(array))
	if err != nil || bytes.Equal(edited, array) {
		return err
	}
	if len(edited)+blobTrailer > a.profile.MaxLargeBlobArray {
		return ctap.ErrLargeBlobStorageFull
	}
	digest := sha256.Sum256(edited)
	return a.commitBlob(ctx, append(edited, digest[:blobTrailer]...))
}
