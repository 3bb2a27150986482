package pinuv

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// prfVectors is the prf part of the test vectors of WebAuthn Level 3.
type prfVectors struct {
	Shared struct {
		Platform string `json:"platform_key_agreement_private_key"`
		X        string `json:"authenticator_key_agreement_x"`
		Y        string `json:"authenticator_key_agreement_y"`
	}
	Cases []struct {
		Case         string
		PinProtocol  Protocol
		SharedSecret string `json:"shared_secret"`
		Salt1, Salt2 string
		SaltEnc      string `json:"salt_enc"`
		Output1      string
		Output2      string
		OutputEnc    string `json:"output_enc"`
	}
}

func loadPRF(t *testing.T) prfVectors {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ PRF prfVectors }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.PRF.Cases) < 3 {
		t.Fatalf("%d prf vectors", len(file.PRF.Cases))
	}
	return file.PRF
}

func TestWebAuthnPRFVectors(t *testing.T) {
	v := loadPRF(t)
	platform, err := ParseKeyAgreement(unhex(t, v.Shared.Platform))
	if err != nil {
		t.Fatal(err)
	}
	peer := &ctap.KeyAgreementKey{Kty: 2, Alg: ctap.ECDHES256, Crv: 1, X: unhex(t, v.Shared.X), Y: unhex(t, v.Shared.Y)}
	for _, c := range v.Cases {
		s, err := platform.Decapsulate(c.PinProtocol, peer)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, c.SharedSecret)
		if !bytes.Equal(s.macKey[:], want[:32]) || !bytes.Equal(s.aesKey[:], want[len(want)-32:]) {
			t.Errorf("%s, protocol %d: shared secret %x %x", c.Case, c.PinProtocol, s.macKey, s.aesKey)
		}
		for _, pair := range [][2]string{
			{c.SaltEnc, c.Salt1 + c.Salt2},
			{c.OutputEnc, c.Output1 + c.Output2},
		} {
			ciphertext, plain := unhex(t, pair[0]), unhex(t, pair[1])
			if got, err := s.Decrypt(ciphertext); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, protocol %d: decrypted %x, %v", c.Case, c.PinProtocol, got, err)
			}
			var iv [16]byte
			if c.PinProtocol == Two {
				iv = [16]byte(ciphertext)
			}
			if got, err := s.encrypt(iv, plain); err != nil || !bytes.Equal(got, ciphertext) {
				t.Errorf("%s, protocol %d: encrypted %x, %v", c.Case, c.PinProtocol, got, err)
			}
		}
	}
}

// scalar is n as a private key.
func scalar(t testing.TB, n uint64) *KeyAgreement {
	t.Helper()
	k, err := ParseKeyAgreement(binary.BigEndian.AppendUint64(make([]byte, 24), n))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Agreeing with the generator gives back the key's own x coordinate, so every
// coordinate that starts with zeros is a known answer for Z.
func TestLeadingZeros(t *testing.T) {
	generator := scalar(t, 1).Public()
	var zeroX, zeroY int
	for n := uint64(2); zeroX < 3 || zeroY < 3; n++ {
		k := scalar(t, n)
		pub := k.Public()
		if len(pub.X) != 32 || len(pub.Y) != 32 {
			t.Fatalf("scalar %d: coordinates of %d and %d bytes", n, len(pub.X), len(pub.Y))
		}
		if pub.Y[0] == 0 {
			zeroY++
		}
		if pub.X[0] != 0 {
			continue
		}
		zeroX++
		for _, p := range []Protocol{One, Two} {
			want, err := NewSharedSecret(p, pub.X)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Decapsulate(p, generator)
			if err != nil || *got != *want {
				t.Errorf("scalar %d, protocol %d: Z lost its leading zero (%v)", n, p, err)
			}
		}
	}
}

func TestBothSidesAgree(t *testing.T) {
	k, err := NewKeyAgreement()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Protocol{One, Two} {
		mine, platform, err := Encapsulate(p, k.Public())
		if err != nil {
			t.Fatal(err)
		}
		device, err := k.Decapsulate(p, mine)
		if err != nil {
			t.Fatal(err)
		}
		if *device != *platform {
			t.Errorf("protocol %d: the sides disagree", p)
		}
		if device.Protocol() != p {
			t.Errorf("protocol %d: secret of protocol %d", p, device.Protocol())
		}
	}
	if _, _, err := Encapsulate(3, k.Public()); !errors.Is(err, ctap.ErrInvalidParameter) {
		t.Errorf("Encapsulate of protocol 3: %v", err)
	}
}

func TestPublicKeyOnTheWire(t *testing.T) {
	got, err := ctap.Marshal(scalar(t, 1).Public())
	if err != nil {
		t.Fatal(err)
	}
	// The generator of P-256 (SEC 2 §2.4.2) as a COSE_Key in canonical order.
	want := unhex(t, "a5010203381820012158206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2962258204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
	if !bytes.Equal(got, want) {
		t.Errorf("got %x", got)
	}
}

func TestDecapsulateRefuses(t *testing.T) {
	k := scalar(t, 7)
	good := func() *ctap.KeyAgreementKey { return scalar(t, 9).Public() }
	bad := func(change func(*ctap.KeyAgreementKey)) *ctap.KeyAgreementKey {
		key := good()
		change(key)
		return key
	}
	for name, peer := range map[string]*ctap.KeyAgreementKey{
		"none":          nil,
		"empty":         {},
		"other kty":     bad(func(k *ctap.KeyAgreementKey) { k.Kty = 1 }),
		"other alg":     bad(func(k *ctap.KeyAgreementKey) { k.Alg = ctap.ES256 }),
		"other curve":   bad(func(k *ctap.KeyAgreementKey) { k.Crv = 2 }),
		"short x":       bad(func(k *ctap.KeyAgreementKey) { k.X = k.X[1:] }),
		"long x":        bad(func(k *ctap.KeyAgreementKey) { k.X = append([]byte{0}, k.X...) }),
		"short y":       bad(func(k *ctap.KeyAgreementKey) { k.Y = k.Y[:31] }),
		"long y":        bad(func(k *ctap.KeyAgreementKey) { k.Y = append(k.Y, 0) }),
		"no y":          bad(func(k *ctap.KeyAgreementKey) { k.Y = nil }),
		"off the curve": bad(func(k *ctap.KeyAgreementKey) { k.Y[31] ^= 1 }),
		"zero":          bad(func(k *ctap.KeyAgreementKey) { clear(k.X); clear(k.Y) }),
		"x over p":      bad(func(k *ctap.KeyAgreementKey) { copy(k.X, bytes.Repeat([]byte{0xFF}, 32)) }),
	} {
		if _, err := k.Decapsulate(Two, peer); ctap.StatusOf(err) != ctap.ErrInvalidParameter {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []Protocol{0, 3} {
		if _, err := k.Decapsulate(p, good()); ctap.StatusOf(err) != ctap.ErrInvalidParameter {
			t.Errorf("protocol %d: %v", p, err)
		}
	}
}

func TestParseKeyAgreementRefuses(t *testing.T) {
	for _, s := range [][]byte{nil, make([]byte, 32), counting(31), counting(33), bytes.Repeat([]byte{0xFF}, 32)} {
		if _, err := ParseKeyAgreement(s); err == nil {
			t.Errorf("accepted scalar %x", s)
		}
	}
}

// Whatever a platform sends as its key, decapsulation answers
// INVALID_PARAMETER or a secret; and whatever was accepted survives the wire.
func FuzzDecapsulate(f *testing.F) {
	k := scalar(f, 7)
	seed, err := ctap.Marshal(scalar(f, 9).Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(1), seed)
	f.Add(uint64(2), seed[:len(seed)-1])
	f.Add(uint64(3), []byte{0xA0})
	f.Fuzz(func(t *testing.T, p uint64, data []byte) {
		var peer ctap.KeyAgreementKey
		if ctap.Unmarshal(data, &peer) != nil {
			return
		}
		s, err := k.Decapsulate(Protocol(p), &peer)
		if err != nil {
			if ctap.StatusOf(err) != ctap.ErrInvalidParameter {
				t.Fatalf("status of %v", err)
			}
			return
		}
		pub, err := peer.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.Decapsulate(Protocol(p), ctap.NewKeyAgreementKey(pub))
		if err != nil || *again != *s {
			t.Fatalf("the key did not survive re-encoding: %v", err)
		}
	})
}
