package pinuv

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// SharedSecret is the outcome of key agreement. It prints as [redacted].
type SharedSecret struct {
	redacted
	protocol Protocol
	macKey   [32]byte
	aesKey   [32]byte
}

// NewSharedSecret derives the secret from z, the 32-byte big-endian x coordinate
// of the agreed point. The error is ctap.ErrInvalidParameter for an unknown
// protocol or another length.
func NewSharedSecret(p Protocol, z []byte) (*SharedSecret, error) {
	if !p.Valid() || len(z) != 32 {
		return nil, fmt.Errorf("shared secret: protocol %d, %d bytes: %w", p, len(z), ctap.ErrInvalidParameter)
	}
	s := &SharedSecret{protocol: p}
	if p == One {
		s.macKey = sha256.Sum256(z)
		s.aesKey = s.macKey
		return s, nil
	}
	for _, k := range []struct {
		key  *[32]byte
		info string
	}{
		{&s.macKey, "CTAP2 HMAC key"},
		{&s.aesKey, "CTAP2 AES key"},
	} {
		out, err := hkdf.Key(sha256.New, z, make([]byte, 32), k.info, 32)
		if err != nil {
			return nil, fmt.Errorf("shared secret: %w", err)
		}
		copy(k.key[:], out)
		clear(out)
	}
	return s, nil
}

// Protocol returns the protocol that the secret belongs to; 0 after Wipe.
func (s *SharedSecret) Protocol() Protocol { return s.protocol }

// Wipe overwrites the keys. Nothing encrypts, decrypts or verifies afterwards.
// It must not run beside another method.
func (s *SharedSecret) Wipe() {
	clear(s.macKey[:])
	clear(s.aesKey[:])
	s.protocol = 0
}

// Encrypt encrypts plain, whose length must be a multiple of 16. Protocol two
// puts a random IV of 16 bytes in front.
func (s *SharedSecret) Encrypt(plain []byte) ([]byte, error) {
	var iv [aes.BlockSize]byte
	if s.protocol == Two {
		rand.Read(iv[:])
	}
	return s.encrypt(iv, plain)
}

func (s *SharedSecret) encrypt(iv [aes.BlockSize]byte, plain []byte) ([]byte, error) {
	if !s.protocol.Valid() || len(plain)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("encrypt %d bytes: %w", len(plain), ctap.ErrInvalidParameter)
	}
	block, err := aes.NewCipher(s.aesKey[:])
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	out := make([]byte, 0, aes.BlockSize+len(plain))
	if s.protocol == Two {
		out = append(out, iv[:]...)
	}
	out = append(out, plain...)
	tail := out[len(out)-len(plain):]
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(tail, tail)
	return out, nil
}

// Decrypt undoes Encrypt. The error is ctap.ErrInvalidParameter for a length
// that no ciphertext of the protocol has. The ciphertext is not authenticated:
// Verify comes first.
func (s *SharedSecret) Decrypt(ciphertext []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	body := ciphertext
	if s.protocol == Two && len(body) >= aes.BlockSize {
		iv, body = body[:aes.BlockSize], body[aes.BlockSize:]
	} else if s.protocol != One {
		return nil, errCiphertext(ciphertext)
	}
	if len(body)%aes.BlockSize != 0 {
		return nil, errCiphertext(ciphertext)
	}
	block, err := aes.NewCipher(s.aesKey[:])
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	plain := bytes.Clone(body)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, plain)
	return plain, nil
}

func errCiphertext(ciphertext []byte) error {
	return fmt.Errorf("decrypt %d bytes: %w", len(ciphertext), ctap.ErrInvalidParameter)
}

// Authenticate returns the signature over the concatenation of msg: 16 bytes
// under protocol one, 32 under two.
func (s *SharedSecret) Authenticate(msg ...[]byte) []byte {
	return Authenticate(s.protocol, s.macKey[:], msg...)
}

// Verify reports, in constant time, whether sig is the whole signature over the
// concatenation of msg.
func (s *SharedSecret) Verify(sig []byte, msg ...[]byte) bool {
	return Verify(s.protocol, s.macKey[:], sig, msg...)
}
