package software

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// State is all that a root remembers. It is secret as a whole: whoever stores
// it seals it, and wipes its copies.
type State struct {
	Installation keystore.Secret // behind what survives Reset
	Device       keystore.Secret // behind all else
	Gate         gateRecord
}

// A gateRecord is the PIN gate at rest. The gate secret is wrapped under the
// device secret and the stretched PIN together, so that a PIN is known to be
// right by the unwrapping; before the first PIN, under the device secret alone.
type gateRecord struct {
	Set     bool     // a PIN is set
	Retries int      // tries left, 0 to ctap.MaxPINRetries
	KDF     KDF      // how the PIN is stretched
	Salt    [16]byte // with which salt
	Public  [32]byte // the gate's X25519 key; zero until a PIN is set
	Wrapped [wrappedSize]byte
}

const (
	nonceSize   = 12
	tagSize     = 16
	wrappedSize = nonceSize + 32 + tagSize
)

// NewState makes the state of a new root: no PIN is set.
func NewState() *State {
	s := new(State)
	var gate keystore.Secret
	defer gate.Wipe()
	rand.Read(s.Installation[:])
	rand.Read(s.Device[:])
	rand.Read(gate[:])
	s.start(&gate)
	return s
}

// start gives a state its gate, behind no PIN yet.
func (s *State) start(gate *keystore.Secret) {
	s.Gate = gateRecord{Retries: ctap.MaxPINRetries}
	s.wrap(gate, nil)
}

// Wipe overwrites the state with zeros.
func (s *State) Wipe() { *s = State{} }

// wrap seals the gate secret under a stretched PIN; nil: no PIN.
func (s *State) wrap(gate, pin *keystore.Secret) {
	nonce := s.Gate.Wrapped[:nonceSize]
	rand.Read(nonce)
	s.wrapping(pin).Seal(nonce, nonce, gate[:], nil)
}

// unwrap opens the gate secret. An error means that the PIN is not the one.
func (s *State) unwrap(pin *keystore.Secret) (*keystore.Secret, error) {
	gate := new(keystore.Secret)
	nonce, body := s.Gate.Wrapped[:nonceSize], s.Gate.Wrapped[nonceSize:]
	if _, err := s.wrapping(pin).Open(gate[:0], nonce, body, nil); err != nil {
		return nil, fmt.Errorf("unwrap the gate secret: %w", err)
	}
	return gate, nil
}

func (s *State) wrapping(pin *keystore.Secret) cipher.AEAD {
	info := []byte("gate without PIN\x00")
	if pin != nil {
		const use = "gate with PIN\x00"
		info = append(append(make([]byte, 0, len(use)+len(pin)), use...), pin[:]...)
		defer clear(info)
	}
	return newAEAD(&s.Device, info)
}

// stretch makes of a pinHash what wraps the gate secret.
func (g *gateRecord) stretch(pinHash []byte) *keystore.Secret {
	return g.KDF.Key(pinHash, g.Salt[:])
}

// KDF holds the parameters of Argon2id (RFC 9106). The zero KDF does not
// stretch: for secrets that nobody can guess, and for tests.
type KDF struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
}

// DefaultKDF is the second recommendation of RFC 9106 §4.
func DefaultKDF() KDF { return KDF{Time: 3, Memory: 64 << 10, Threads: 4} }

// AtLeast returns parameters that ask for no less work and memory than either.
func (k KDF) AtLeast(floor KDF) KDF {
	if k.Time >= floor.Time && k.Memory >= floor.Memory {
		return k
	}
	return KDF{max(k.Time, floor.Time), max(k.Memory, floor.Memory), floor.Threads}
}

// Key stretches a secret.
func (k KDF) Key(secret, salt []byte) *keystore.Secret {
	out := new(keystore.Secret)
	var b []byte
	if k == (KDF{}) {
		h := sha256.New()
		h.Write([]byte("unstretched\x00"))
		h.Write(salt)
		h.Write(secret)
		b = h.Sum(nil)
	} else {
		b = argon2.IDKey(secret, salt, k.Time, k.Memory, k.Threads, uint32(len(out)))
	}
	copy(out[:], b)
	clear(b)
	return out
}

// expand derives 32 bytes from a secret: HKDF-Expand of RFC 5869, one block,
// with SHA-256. Uses are told apart by the part of info before its first zero
// byte.
func expand(secret *keystore.Secret, info []byte) *keystore.Secret {
	out := new(keystore.Secret)
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(info)
	mac.Write([]byte{1})
	mac.Sum(out[:0])
	mac.Write(make([]byte, sha256.BlockSize)) // over the end of info, which it keeps
	return out
}

func newAEAD(secret *keystore.Secret, info []byte) cipher.AEAD {
	key := expand(secret, info)
	defer key.Wipe()
	// Neither fails: the key is of a length that AES has, its block of the one
	// that GCM needs.
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCM(block)
	return aead
}

// labelled frames a label and a binding so that no two pairs are alike.
func labelled(use, label string, binding []byte) []byte {
	b := append([]byte(use), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(label)))
	return append(append(b, label...), binding...)
}

// hpkeSuite is what Gated things are sealed with.
func hpkeSuite() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES256GCM()
}

// gateKey derives the gate's key pair from the gate secret.
func gateKey(gate *keystore.Secret) (hpke.PrivateKey, error) {
	seed := expand(gate, []byte("gate key\x00"))
	defer seed.Wipe()
	kem, _, _ := hpkeSuite()
	return kem.DeriveKeyPair(seed[:])
}
