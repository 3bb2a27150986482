package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"sync"

	"github.com/seed-77d61853/signet/keystore"
)

// keys are what a vault's key is expanded to, one for each use.
type keys struct {
	value cipher.AEAD // seals records
	id    hasher      // hashes record IDs
	list  hasher      // hashes lists

	checks [schema][32]byte // that of the file's schema stands in its header
}

const hashSize = 16

func newKeys(key []byte) (*keys, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("key of %d bytes", len(key))
	}
	k := new(keys)
	for _, use := range []struct {
		info string
		f    func(key []byte) error
	}{
		{"signet vault: values", func(key []byte) error {
			block, err := aes.NewCipher(key)
			if err != nil {
				return err
			}
			k.value, err = cipher.NewGCM(block)
			return err
		}},
		{"signet vault: record IDs", func(key []byte) error { k.id.init(key); return nil }},
		{"signet vault: lists", func(key []byte) error { k.list.init(key); return nil }},
		{"signet vault: key check", func(key []byte) error { copy(k.checks[0][:], key); return nil }},
		{"signet vault: key check, schema 2", func(key []byte) error { copy(k.checks[1][:], key); return nil }},
	} {
		derived, err := hkdf.Expand(sha256.New, key, use.info, 32)
		if err == nil {
			err = use.f(derived)
		}
		if err != nil {
			return nil, fmt.Errorf("derive the vault's keys: %w", err)
		}
		clear(derived)
	}
	return k, nil
}

// wipe overwrites the keys as far as the standard library lets them be reached.
func (k *keys) wipe() {
	k.id.key.Wipe()
	k.list.key.Wipe()
}

// A hasher is HMAC-SHA256 with one key, cut to 16 bytes. It keeps its states,
// which cost more to make than to use. Safe for concurrent use.
type hasher struct {
	key  keystore.Secret
	pool sync.Pool
}

func (h *hasher) init(key []byte) {
	copy(h.key[:], key)
	h.pool.New = func() any { return hmac.New(sha256.New, h.key[:]) }
}

func (h *hasher) sum(parts ...[]byte) (out [hashSize]byte) {
	mac := h.pool.Get().(hash.Hash)
	defer h.pool.Put(mac)
	mac.Reset()
	for _, part := range parts {
		mac.Write(part)
	}
	var full [sha256.Size]byte
	copy(out[:], mac.Sum(full[:0]))
	return out
}

// recordKey is the key of a record's entry.
func (k *keys) recordKey(id []byte) [hashSize]byte { return k.id.sum(id) }

// listPrefix begins the keys of a list's entries.
func (k *keys) listPrefix(list keystore.Index) [hashSize]byte {
	return k.list.sum(binary.BigEndian.AppendUint32(nil, uint32(len(list.Kind))), []byte(list.Kind), list.Value)
}

// A place is a list's prefix and a sequence number, big-endian: the key of a
// record's entry on a list, which sorts by age.
type place [hashSize + 8]byte

func placeOn(prefix [hashSize]byte, sequence uint64) (p place) {
	copy(p[:], prefix[:])
	binary.BigEndian.PutUint64(p[hashSize:], sequence)
	return p
}

func (p *place) on(prefix [hashSize]byte) bool { return bytes.Equal(p[:hashSize], prefix[:]) }

// stored is a record with the places that it has on lists.
type stored struct {
	id     []byte
	places []place
	value  []byte
}

// placeOn returns the record's place on a list.
func (s *stored) placeOn(prefix [hashSize]byte) (place, bool) {
	for _, p := range s.places {
		if p.on(prefix) {
			return p, true
		}
	}
	return place{}, false
}

const (
	nonceSize = 12
	tagSize   = 16
)

// bindingOf is the additional data of the record in an entry.
func bindingOf(key [hashSize]byte) []byte { return append([]byte("record\x00"), key[:]...) }

// seal encodes and encrypts a record for the entry that it stands in:
//
//	nonce ‖ AES-256-GCM(len(id) ‖ id ‖ number of places ‖ places ‖ value)
//
// with numbers in two bytes.
func (k *keys) seal(key [hashSize]byte, s *stored) []byte {
	size := 2 + len(s.id) + 2 + len(s.places)*len(place{}) + len(s.value)
	out := make([]byte, nonceSize, nonceSize+size+tagSize)
	rand.Read(out)
	plain := binary.BigEndian.AppendUint16(make([]byte, 0, size), uint16(len(s.id)))
	plain = append(plain, s.id...)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(s.places)))
	for _, p := range s.places {
		plain = append(plain, p[:]...)
	}
	plain = append(plain, s.value...)
	defer clear(plain)
	return k.value.Seal(out, out[:nonceSize], plain, bindingOf(key))
}

// unseal undoes seal: keystore.ErrCorrupt where the record is not the one that
// was sealed for this entry.
func (k *keys) unseal(key [hashSize]byte, sealed []byte) (*stored, error) {
	if len(sealed) < nonceSize+tagSize {
		return nil, fmt.Errorf("sealed record of %d bytes: %w", len(sealed), keystore.ErrCorrupt)
	}
	plain, err := k.value.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bindingOf(key))
	if err != nil {
		return nil, fmt.Errorf("sealed record: %w: %w", keystore.ErrCorrupt, err)
	}
	return parseStored(plain)
}

// parseStored decodes a record; its slices share memory with plain.
func parseStored(plain []byte) (*stored, error) {
	s := new(stored)
	id, rest, ok := cut(plain, 1)
	if !ok || keystore.CheckID(id) != nil {
		return nil, fmt.Errorf("record without an ID: %w", keystore.ErrCorrupt)
	}
	places, value, ok := cut(rest, len(place{}))
	if !ok {
		return nil, fmt.Errorf("record cut off in its lists: %w", keystore.ErrCorrupt)
	}
	for p := range slices.Chunk(places, len(place{})) {
		s.places = append(s.places, place(p))
	}
	s.id, s.value = id[:len(id):len(id)], value
	return s, nil
}

// cut takes from b a number of two bytes and as many items of a size.
func cut(b []byte, size int) (items, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b)) * size
	if len(b)-2 < n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}
