package file

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// The file is
//
//	header ‖ nonce (12) ‖ AES-256-GCM(state) ‖ SHA-256 of all before
//
// where the header, which is the additional data too, is
//
//	"signet root" ‖ version (1) ‖ kind (1) ‖ store ID (16) ‖ KDF (9) ‖ salt (16)
//
// The hash tells damage from a wrong passphrase; it proves nothing.
const (
	magic      = "signet root"
	version    = 1
	headerSize = len(magic) + 1 + 1 + 16 + kdfSize + saltSize
	kdfSize    = 9
	saltSize   = 16
	nonceSize  = 12
	tagSize    = 16
	maxSize    = 1 << 16 // of a file that is read
)

// A Header is what a root file shows without its secret.
type Header struct {
	// Kind says what opens the file.
	Kind Kind
	// ID is 16 random bytes that name the root.
	ID [16]byte
	// KDF stretches the passphrase, and the PINs.
	KDF software.KDF

	salt [saltSize]byte
}

// Kind says what opens a root file.
type Kind byte

// The kinds of secrets.
const (
	KindPassphrase Kind = 1
	KindKeyFile    Kind = 2
)

func newHeader(kind Kind, kdf software.KDF) *Header {
	h := &Header{Kind: kind, KDF: kdf}
	rand.Read(h.ID[:])
	rand.Read(h.salt[:])
	return h
}

func (h *Header) encode() ([]byte, error) {
	b := append([]byte(magic), version, byte(h.Kind))
	b = append(b, h.ID[:]...)
	b, err := h.KDF.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	return append(b, h.salt[:]...), nil
}

// parseHeader splits a file into its header and what is sealed, the header's
// bytes before it.
func parseHeader(data []byte) (h *Header, sealed []byte, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) == 0 {
		return nil, nil, fmt.Errorf("not a root file: %w", keystore.ErrCorrupt)
	}
	if rest[0] > version {
		return nil, nil, fmt.Errorf("version %d, this program knows %d: %w", rest[0], version, keystore.ErrNewerSchema)
	}
	body := len(data) - sha256.Size
	if body < headerSize+nonceSize+tagSize || rest[0] != version {
		return nil, nil, fmt.Errorf("cut off, or changed: %w", keystore.ErrCorrupt)
	}
	if sum := sha256.Sum256(data[:body]); !bytes.Equal(sum[:], data[body:]) {
		return nil, nil, fmt.Errorf("cut off, or changed: %w", keystore.ErrCorrupt)
	}
	h = &Header{Kind: Kind(rest[1]), ID: [16]byte(rest[2:])}
	if h.Kind != KindPassphrase && h.Kind != KindKeyFile {
		return nil, nil, fmt.Errorf("opened by an unknown kind of secret, %d: %w", h.Kind, keystore.ErrCorrupt)
	}
	if err := h.KDF.UnmarshalBinary(rest[18 : 18+kdfSize]); err != nil {
		return nil, nil, err
	}
	copy(h.salt[:], rest[18+kdfSize:])
	return h, data[:body], nil
}

// fileKey derives the key that seals the file.
func fileKey(s *keystore.Secret) (*keystore.Secret, error) {
	b, err := hkdf.Expand(sha256.New, s[:], "signet root file", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the file's key: %w", err)
	}
	defer clear(b)
	key := keystore.Secret(b)
	return &key, nil
}

func newAEAD(key *keystore.Secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal makes the file of a state.
func seal(h *Header, key *keystore.Secret, state *software.State) ([]byte, error) {
	header, err := h.encode()
	if err != nil {
		return nil, err
	}
	plain, err := state.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	data := aead.Seal(append(bytes.Clone(header), nonce...), nonce, plain, header)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

// unseal opens what parseHeader split off: ErrWrongSecret where the key is not
// the one.
func unseal(sealed []byte, key *keystore.Secret) (*software.State, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	header, body := sealed[:headerSize], sealed[headerSize:]
	plain, err := aead.Open(nil, body[:nonceSize], body[nonceSize:], header)
	if err != nil {
		return nil, ErrWrongSecret
	}
	defer clear(plain)
	state := new(software.State)
	if err := state.UnmarshalBinary(plain); err != nil {
		state.Wipe()
		return nil, err
	}
	return state, nil
}
