package authenticator_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

// The client's end of the PIN/UV auth protocols, from the standard's text and
// the standard library alone.

// A secret is what both ends share after a key agreement (§6.5.6, §6.5.7).
type secret struct {
	protocol int
	mac, aes []byte // 32 bytes each
	ours     dict   // our public key, as COSE_Key
}

// derive makes the keys of a protocol from the x coordinate z, 32 bytes.
func derive(protocol int, z []byte) secret {
	if protocol == 1 {
		k := sha256.Sum256(z)
		return secret{protocol: 1, mac: k[:], aes: k[:]}
	}
	return secret{protocol: 2, mac: expand(z, "CTAP2 HMAC key", 32), aes: expand(z, "CTAP2 AES key", 32)}
}

// expand is HKDF-SHA-256 with a salt of 32 zero bytes.
func expand(ikm []byte, info string, length int) []byte {
	k, err := hkdf.Key(sha256.New, ikm, make([]byte, 32), info, length)
	if err != nil {
		panic(err)
	}
	return k
}

// agree answers the device's public key with one of ours.
func agree(protocol int, theirs dict) (secret, error) {
	x, _ := theirs[-2].([]byte)
	y, _ := theirs[-3].([]byte)
	if len(x) != 32 || len(y) != 32 {
		return secret{}, errors.New("key agreement: coordinates are not 32 bytes")
	}
	pub, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...))
	if err != nil {
		return secret{}, err
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return secret{}, err
	}
	z, err := key.ECDH(pub)
	if err != nil {
		return secret{}, err
	}
	s := derive(protocol, z)
	point := key.PublicKey().Bytes()
	s.ours = dict{1: 2, 3: -25, -1: 1, -2: point[1:33], -3: point[33:]}
	return s, nil
}

// authenticate gives the MAC that goes into pinUvAuthParam and saltAuth.
func (s secret) authenticate(message ...[]byte) []byte {
	return authenticate(s.protocol, s.mac, message...)
}

func authenticate(protocol int, key []byte, message ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(bytes.Join(message, nil))
	sum := h.Sum(nil)
	if protocol == 1 {
		return sum[:16]
	}
	return sum
}

// encrypt takes any whole number of 16-byte blocks.
func (s secret) encrypt(plain []byte) []byte {
	iv := make([]byte, 16)
	if s.protocol == 2 {
		rand.Read(iv)
	}
	return s.encryptWith(iv, plain)
}

func (s secret) encryptWith(iv, plain []byte) []byte {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(s.block(), iv).CryptBlocks(out, plain)
	if s.protocol == 2 {
		return append(bytes.Clone(iv), out...)
	}
	return out
}

func (s secret) decrypt(sealed []byte) ([]byte, error) {
	iv := make([]byte, 16)
	if s.protocol == 2 {
		if len(sealed) < 16 {
			return nil, errors.New("ciphertext without an initialization vector")
		}
		iv, sealed = sealed[:16], sealed[16:]
	}
	if len(sealed)%16 != 0 {
		return nil, errors.New("ciphertext is not a whole number of blocks")
	}
	out := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(s.block(), iv).CryptBlocks(out, sealed)
	return out, nil
}

func (s secret) block() cipher.Block {
	b, err := aes.NewCipher(s.aes)
	if err != nil {
		panic(err)
	}
	return b
}

// pinHash is what stands for a PIN on the wire and at rest, 16 bytes.
func pinHash(pin string) []byte {
	h := sha256.Sum256([]byte(pin))
	return h[:16]
}

// padded fills a new PIN with zeros to a length.
func padded(pin string, length int) []byte {
	return append([]byte(pin), make([]byte, length-len(pin))...)
}

// openIdentifier decrypts encIdentifier and encCredStoreState (§6.4).
func openIdentifier(persistentToken []byte, info string, sealed []byte) []byte {
	if len(sealed) != 32 {
		return nil
	}
	s := secret{protocol: 2, aes: expand(persistentToken, info, 16)}
	plain, _ := s.decrypt(sealed)
	return plain
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Values from the standard's text, worked out by hand with other tools.
func TestBenchPinUv(t *testing.T) {
	z := make([]byte, 32)
	for i := range z {
		z[i] = byte(i)
	}
	one, two := derive(1, z), derive(2, z)
	token1, token2 := secret{protocol: 1, mac: z}, secret{protocol: 2, mac: z}
	iv := z[:16]
	ones := bytes.Repeat([]byte{0xff}, 32)
	blobs := unhex("8076be8b528d0075f7aae98d6fa57a6d3c")
	blobsHash := sha256.Sum256(blobs)
	identifier := secret{protocol: 2, aes: expand(z, "encIdentifier", 16)}
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"protocol 1, key", one.aes, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"},
		{"protocol 2, HMAC key", two.mac, "a689b3b92a6ebab91192408da9c4f05c674a2bc5f938d613077716c719a8df39"},
		{"protocol 2, AES key", two.aes, "0f6ff2ef211829c11638ef2893ea02edf195658c0572393e7680d93bc2b58d44"},
		{"hash of PIN 1234", pinHash("1234"), "03ac674216f3e15c761ee1a5e255f067"},
		{"pinHashEnc, protocol 1", one.encrypt(pinHash("1234")), "fe1c3681856425d10cb890b845e05b06"},
		{"pinHashEnc, protocol 2", two.encryptWith(iv, pinHash("1234")), hex.EncodeToString(iv) + "df06b43cb02f4fc37b43a04621f99c75"},
		{"encIdentifier key", identifier.aes, "24154dbe7ef3ce2d6add02c4e48dbb69"},
		{"encIdentifier", identifier.encryptWith(iv, ones[:16]), hex.EncodeToString(iv) + "4775365b6035f1ba77f08ac047fac3af"},
		{"encCredStoreState key", expand(z, "encCredStoreState", 16), "f71b2891a5b9d1e1c65d49eed539a041"},
		{"getCredsMetadata, protocol 2", token2.authenticate([]byte{1}), "9b4c8120a4823a95f47cde17a244f4507244ee6e3957d1fab9fa29b44d3829b7"},
		{"getCredsMetadata, protocol 1", token1.authenticate([]byte{1}), "9b4c8120a4823a95f47cde17a244f450"},
		{"toggleAlwaysUv", token2.authenticate(ones, []byte{0x0d, 2}), "32cf0f9234e40e7ac115bf2eef1a33b55404f74cb39063c9e46037fc672fd963"},
		{"largeBlobs", token2.authenticate(ones, []byte{0x0c, 0, 0, 0, 0, 0}, blobsHash[:]), "008b5df6adffc88a1ed8861176ccd3e55277ab04720916aaf5d3c176b15dee38"},
		{"hmac-secret output", token2.authenticate(make([]byte, 32)), "416c5392b9f36df188e90eb14d17bf0da190bfdb7f1f4956e6e566a569c8b15c"},
	} {
		if !bytes.Equal(c.got, unhex(c.want)) {
			t.Errorf("%s = %x, want %s", c.what, c.got, c.want)
		}
	}
	for _, s := range []secret{one, two} {
		if plain, err := s.decrypt(s.encrypt(z)); err != nil || !bytes.Equal(plain, z) {
			t.Errorf("protocol %d: decrypt(encrypt) = %x, %v", s.protocol, plain, err)
		}
	}
}
