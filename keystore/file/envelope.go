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
	"github.com/seed-77d61853/signet/keystore/arena"
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
	stateRoom  = 512     // holds a state, so that no outgrown copy of it stays behind
)

// A Header is what a root file shows without its secret.
type Header struct {
	// Kind says what opens the file.
	Kind Kind
	// ID is 16 random bytes that name the root.
	ID [16]byte
	// KDF stretches the passphrase, and is the least that PINs are stretched
	// with.
	KDF software.KDF
	// Salt goes into a passphrase's stretching; of a key that is kept elsewhere
	// it is the name.
	Salt [saltSize]byte
}

// Kind says what opens a root file.
type Kind byte

// The kinds of secrets.
const (
	KindPassphrase Kind = 1
	KindKeyFile    Kind = 2
	KindCredential Kind = 3
	KindKeyring    Kind = 4
)

// String names what the secret is, with its article.
func (k Kind) String() string {
	switch k {
	case KindPassphrase:
		return "a passphrase"
	case KindKeyFile:
		return "a key file"
	case KindCredential:
		return "a systemd credential"
	case KindKeyring:
		return "a key in the OS keyring"
	}
	return fmt.Sprintf("an unknown kind of secret, %d", byte(k))
}

func (h *Header) encode() ([]byte, error) {
	b := append([]byte(magic), version, byte(h.Kind))
	b = append(b, h.ID[:]...)
	b, err := h.KDF.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	return append(b, h.Salt[:]...), nil
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
	if h.Kind < KindPassphrase || h.Kind > KindKeyring {
		return nil, nil, fmt.Errorf("opened by %v: %w", h.Kind, keystore.ErrCorrupt)
	}
	if err := h.KDF.UnmarshalBinary(rest[18 : 18+kdfSize]); err != nil {
		return nil, nil, err
	}
	copy(h.Salt[:], rest[18+kdfSize:])
	return h, data[:body], nil
}

func newHeader(secret Secret, kdf software.KDF) *Header {
	h := &Header{Kind: secret.kind, KDF: kdf, Salt: secret.name}
	rand.Read(h.ID[:])
	if h.Salt == [saltSize]byte{} {
		rand.Read(h.Salt[:])
	}
	return h
}

// A seal writes a root's file.
type seal struct {
	path   string
	header *Header
	key    *arena.Box[keystore.Secret]
}

// newSeal derives the key that seals the file from what opens it.
func newSeal(path string, h *Header, s Secret) (*seal, error) {
	stretched, err := s.stretch(h, path)
	if err != nil {
		return nil, err
	}
	defer stretched.Wipe()
	b, err := hkdf.Expand(sha256.New, stretched[:], "signet root file", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the file's key: %w", err)
	}
	defer clear(b)
	key := arena.New[keystore.Secret]()
	copy(key.Value()[:], b)
	return &seal{path, h, key}, nil
}

func (s *seal) wipe() { s.key.Free() }

// save puts a state in the place of the file.
func (s *seal) save(state *software.State) error {
	data, err := s.encode(state)
	if err != nil {
		return fmt.Errorf("seal root file %s: %w", s.path, err)
	}
	if err := replace(s.path, data); err != nil {
		return fmt.Errorf("write root file %s: %w", s.path, err)
	}
	return nil
}

// encode makes the file of a state.
func (s *seal) encode(state *software.State) ([]byte, error) {
	header, err := s.header.encode()
	if err != nil {
		return nil, err
	}
	plain, err := state.AppendBinary(make([]byte, 0, stateRoom))
	defer clear(plain)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(s.key.Value())
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	data := aead.Seal(append(bytes.Clone(header), nonce...), nonce, plain, header)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

func newAEAD(key *keystore.Secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
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
