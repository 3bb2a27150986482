package client

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// LargeBlobArray is the large-blob array without the hash behind it (§6.10.2).
// Its entries are found by trying keys on them; those of other clients, or of
// formats to come, stay as they are. The zero value is empty. Not safe for
// concurrent use.
type LargeBlobArray struct {
	entries []cbor.RawMessage
}

// largeBlobEntry is one entry (§6.10.3).
type largeBlobEntry struct {
	Ciphertext ctap.Bytes `cbor:"1,keyasint"`
	Nonce      ctap.Bytes `cbor:"2,keyasint"` // 12 bytes
	OrigSize   uint64     `cbor:"3,keyasint"` // bytes
}

// ParseLargeBlobArray decodes the CBOR array.
func ParseLargeBlobArray(data []byte) (*LargeBlobArray, error) {
	var l LargeBlobArray
	if err := cbor.Unmarshal(data, &l.entries); err != nil {
		return nil, fmt.Errorf("large-blob array: %w", err)
	}
	return &l, nil
}

// Marshal encodes the CBOR array.
func (l *LargeBlobArray) Marshal() ([]byte, error) {
	entries := l.entries
	if entries == nil {
		entries = []cbor.RawMessage{}
	}
	return ctap.Marshal(entries)
}

// Len returns the number of entries.
func (l *LargeBlobArray) Len() int { return len(l.entries) }

// Find returns the blob that key, a largeBlobKey of 32 bytes, opens.
func (l *LargeBlobArray) Find(key []byte) (data []byte, ok bool) {
	_, data, ok = l.find(key)
	return data, ok
}

// Put stores data under key in place of whatever the key opens now.
func (l *LargeBlobArray) Put(key, data []byte) error {
	entry, err := sealLargeBlob(key, data)
	if err != nil {
		return fmt.Errorf("large blob: %w", err)
	}
	l.Delete(key)
	l.entries = append(l.entries, entry)
	return nil
}

// Delete removes what key opens, and reports whether there was any.
func (l *LargeBlobArray) Delete(key []byte) bool {
	found := false
	for {
		i, _, ok := l.find(key)
		if !ok {
			return found
		}
		found = true
		l.entries = append(l.entries[:i], l.entries[i+1:]...)
	}
}

func (l *LargeBlobArray) find(key []byte) (int, []byte, bool) {
	for i, raw := range l.entries {
		var e largeBlobEntry
		if err := cbor.Unmarshal(raw, &e); err != nil {
			continue
		}
		if data, err := openLargeBlob(key, &e); err == nil {
			return i, data, true
		}
	}
	return 0, nil, false
}

func sealLargeBlob(key, data []byte) (cbor.RawMessage, error) {
	aead, err := largeBlobCipher(key)
	if err != nil {
		return nil, err
	}
	plain, err := ctap.DeflateLargeBlob(data)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	size := uint64(len(data))
	return ctap.Marshal(largeBlobEntry{aead.Seal(nil, nonce, plain, largeBlobAD(size)), nonce, size})
}

func openLargeBlob(key []byte, e *largeBlobEntry) ([]byte, error) {
	aead, err := largeBlobCipher(key)
	if err != nil {
		return nil, err
	}
	if len(e.Nonce) != aead.NonceSize() {
		return nil, errors.New("nonce is not 12 bytes")
	}
	plain, err := aead.Open(nil, e.Nonce, e.Ciphertext, largeBlobAD(e.OrigSize))
	if err != nil {
		return nil, err
	}
	return ctap.InflateLargeBlob(plain, e.OrigSize)
}

func largeBlobCipher(key []byte) (cipher.AEAD, error) {
	if len(key) != ctap.LargeBlobKeyLength {
		return nil, fmt.Errorf("key is not %d bytes", ctap.LargeBlobKeyLength)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func largeBlobAD(size uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("blob"), size)
}
