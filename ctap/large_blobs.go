package ctap

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// LargeBlobsRequest is authenticatorLargeBlobs' parameters (§6.10.2).
type LargeBlobsRequest struct {
	Get               *uint64 `cbor:"1,keyasint,omitempty"` // bytes to read
	Set               Bytes   `cbor:"2,keyasint,omitzero"`
	Offset            *uint64 `cbor:"3,keyasint,omitzero"`  // bytes
	Length            *uint64 `cbor:"4,keyasint,omitempty"` // bytes, of the whole array
	PinUvAuthParam    Bytes   `cbor:"5,keyasint,omitzero"`
	PinUvAuthProtocol *uint64 `cbor:"6,keyasint,omitempty"`
}

// LargeBlobsResponse is authenticatorLargeBlobs' answer to get (§6.10.2).
type LargeBlobsResponse struct {
	Config Bytes `cbor:"1,keyasint"`
}

// Unmarshal decodes the command's parameters.
func (r *LargeBlobsRequest) Unmarshal(data []byte) error { return Unmarshal(data, r) }

// LargeBlobKeyLength is how many bytes a largeBlobKey has (§12.3): it is a key of
// AES-256 (§6.10.3).
const LargeBlobKeyLength = 32

// MaxLargeBlob bounds in bytes what one blob may inflate to. The bound is ours:
// the standard has none.
const MaxLargeBlob = 1 << 24

// DeflateLargeBlob compresses a blob as platforms do before they encrypt or send
// it: raw DEFLATE (RFC 1951; §6.10.3, §12.4).
func DeflateLargeBlob(blob []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(blob); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// InflateLargeBlob undoes DeflateLargeBlob; anything but size bytes, or more than
// MaxLargeBlob, is an error.
func InflateLargeBlob(data []byte, size uint64) ([]byte, error) {
	if size > MaxLargeBlob {
		return nil, fmt.Errorf("blob of %d bytes is too long", size)
	}
	blob, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), int64(size)+1))
	if err != nil {
		return nil, err
	}
	if uint64(len(blob)) != size {
		return nil, errors.New("blob does not have the length that it says")
	}
	return blob, nil
}
