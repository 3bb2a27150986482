package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// largeBlobTrailer is the length in bytes of the hash behind the array.
const largeBlobTrailer = 16

// ReadLargeBlobs reads the device's large-blob array (§6.10.3). One whose hash
// does not fit reads as an empty array, as the standard has it.
func (a *Authenticator) ReadLargeBlobs(ctx context.Context, info *ctap.GetInfoResponse) (*LargeBlobArray, error) {
	fragment := uint64(requestLimit(info) - ctap.LargeBlobOverhead)
	limit := max(info.MaxSerializedLargeBlobArray, ctap.MinLargeBlobArray)
	var data []byte
	for uint64(len(data)) <= limit {
		var resp ctap.LargeBlobsResponse
		req := &ctap.LargeBlobsRequest{Get: &fragment, Offset: ref(uint64(len(data)))}
		if err := a.call(ctx, ctap.CommandLargeBlobs, req, &resp); err != nil {
			return nil, err
		}
		data = append(data, resp.Config...)
		if uint64(len(resp.Config)) < fragment {
			return checkLargeBlobs(data), nil
		}
	}
	return nil, fmt.Errorf("%v: %w: longer than the device's own limit", ctap.CommandLargeBlobs, errReply)
}

// WriteLargeBlobs replaces the device's large-blob array (§6.10.4). The token
// needs ctap.PermissionLBW; it is nil where the device has no verification set
// up. The error is ctap.ErrLargeBlobStorageFull where there is no room.
func (a *Authenticator) WriteLargeBlobs(ctx context.Context, info *ctap.GetInfoResponse, t *Token, array *LargeBlobArray) error {
	data, err := array.Marshal()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	data = append(data, sum[:largeBlobTrailer]...)
	if uint64(len(data)) > max(info.MaxSerializedLargeBlobArray, ctap.MinLargeBlobArray) {
		return fmt.Errorf("%v: %d bytes: %w", ctap.CommandLargeBlobs, len(data), ctap.ErrLargeBlobStorageFull)
	}
	fragment := requestLimit(info) - ctap.LargeBlobOverhead
	for offset := 0; offset < len(data); offset += fragment {
		part := data[offset:min(offset+fragment, len(data))]
		req := &ctap.LargeBlobsRequest{Set: part, Offset: ref(uint64(offset))}
		if offset == 0 {
			req.Length = ref(uint64(len(data)))
		}
		req.PinUvAuthParam, req.PinUvAuthProtocol = t.param(largeBlobMessage(offset, part))
		if err := a.call(ctx, ctap.CommandLargeBlobs, req, nil); err != nil {
			return err
		}
	}
	return nil
}

// largeBlobMessage is what the token authenticates of a fragment.
func largeBlobMessage(offset int, part []byte) []byte {
	msg := bytes.Repeat([]byte{0xFF}, 32)
	msg = append(msg, byte(ctap.CommandLargeBlobs), 0)
	msg = binary.LittleEndian.AppendUint32(msg, uint32(offset))
	sum := sha256.Sum256(part)
	return append(msg, sum[:]...)
}

func checkLargeBlobs(data []byte) *LargeBlobArray {
	if len(data) < largeBlobTrailer {
		return &LargeBlobArray{}
	}
	body, trailer := data[:len(data)-largeBlobTrailer], data[len(data)-largeBlobTrailer:]
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:largeBlobTrailer], trailer) {
		return &LargeBlobArray{}
	}
	array, err := ParseLargeBlobArray(body)
	if err != nil {
		return &LargeBlobArray{}
	}
	return array
}
