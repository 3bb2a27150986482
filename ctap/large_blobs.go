package ctap

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
