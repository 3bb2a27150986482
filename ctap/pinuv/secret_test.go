package pinuv

import (
	"bytes"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

func TestKDFKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		p        Protocol
		mac, aes string
	}{
		{One, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd", "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"},
		{Two, "a689b3b92a6ebab91192408da9c4f05c674a2bc5f938d613077716c719a8df39", "0f6ff2ef211829c11638ef2893ea02edf195658c0572393e7680d93bc2b58d44"},
	} {
		s := secret(t, c.p)
		if !bytes.Equal(s.macKey[:], unhex(t, c.mac)) || !bytes.Equal(s.aesKey[:], unhex(t, c.aes)) {
			t.Errorf("protocol %d: keys %x %x", c.p, s.macKey, s.aesKey)
		}
	}
}

func TestEncryptKnownAnswers(t *testing.T) {
	hash := HashPIN([]byte("1234"))
	for _, c := range []struct {
		p    Protocol
		iv   [16]byte
		want string
	}{
		{One, [16]byte{}, "fe1c3681856425d10cb890b845e05b06"},
		{Two, [16]byte(counting(16)), "000102030405060708090a0b0c0d0e0fdf06b43cb02f4fc37b43a04621f99c75"},
	} {
		got, err := secret(t, c.p).encrypt(c.iv, hash[:])
		if err != nil || !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("protocol %d: %x, %v", c.p, got, err)
		}
		plain, err := secret(t, c.p).Decrypt(unhex(t, c.want))
		if err != nil || !bytes.Equal(plain, hash[:]) {
			t.Errorf("protocol %d: decrypted %x, %v", c.p, plain, err)
		}
	}
}

// Lengths are those of §6.5.6 and §6.5.7: a PIN hash of 16 gives 16 or 32, a
// padded PIN of 64 gives 64 or 80.
func TestLengths(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		s := secret(t, p)
		overhead := 16 * (int(p) - 1)
		for n := range 100 {
			ciphertext, err := s.Encrypt(counting(n))
			if ok := n%16 == 0; ok != (err == nil) {
				t.Fatalf("protocol %d: encrypt %d bytes: %v", p, n, err)
			} else if ok && len(ciphertext) != n+overhead {
				t.Errorf("protocol %d: %d bytes became %d", p, n, len(ciphertext))
			}
			plain, err := s.Decrypt(counting(n))
			if ok := n%16 == 0 && n >= overhead; ok != (err == nil) {
				t.Fatalf("protocol %d: decrypt %d bytes: %v", p, n, err)
			} else if !ok && ctap.StatusOf(err) != ctap.ErrInvalidParameter {
				t.Errorf("protocol %d: decrypt %d bytes: %v", p, n, err)
			} else if ok && len(plain) != n-overhead {
				t.Errorf("protocol %d: %d bytes became %d", p, n, len(plain))
			}
		}
	}
}

func TestProtocolTwoNeverRepeatsAnIV(t *testing.T) {
	s, seen := secret(t, Two), map[[16]byte]bool{}
	for range 1000 {
		c, err := s.Encrypt(make([]byte, 16))
		if err != nil || seen[[16]byte(c)] {
			t.Fatalf("IV %x again (%v)", c[:16], err)
		}
		seen[[16]byte(c)] = true
	}
}

// Callers wipe what they decrypt and keep what they encrypted.
func TestInputsAreLeftAlone(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		s, plain := secret(t, p), counting(32)
		ciphertext, err := s.Encrypt(plain)
		if err != nil || !bytes.Equal(plain, counting(32)) {
			t.Fatalf("protocol %d: Encrypt changed its input (%v)", p, err)
		}
		kept := bytes.Clone(ciphertext)
		out, err := s.Decrypt(ciphertext)
		if err != nil || !bytes.Equal(ciphertext, kept) {
			t.Fatalf("protocol %d: Decrypt changed its input (%v)", p, err)
		}
		clear(out)
		if !bytes.Equal(ciphertext, kept) {
			t.Errorf("protocol %d: Decrypt's result shares its input", p)
		}
	}
}

func TestSharedSecretAuthenticates(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		s := secret(t, p)
		sig := s.Authenticate([]byte("new"), []byte("old"))
		if len(sig) != 16*int(p) || !s.Verify(sig, []byte("newold")) {
			t.Errorf("protocol %d: signature %x does not verify", p, sig)
		}
		if s.Verify(sig[:len(sig)-1], []byte("newold")) || s.Verify(nil, []byte("newold")) || s.Verify(sig, []byte("new")) {
			t.Errorf("protocol %d: verified what was not signed", p)
		}
	}
}

func TestWipe(t *testing.T) {
	for _, p := range []Protocol{One, Two} {
		s := secret(t, p)
		s.Wipe()
		if *s != (SharedSecret{}) {
			t.Errorf("protocol %d: something is left", p)
		}
		if _, err := s.Encrypt(make([]byte, 16)); err == nil {
			t.Errorf("protocol %d: encrypts after Wipe", p)
		}
		if _, err := s.Decrypt(make([]byte, 32)); err == nil {
			t.Errorf("protocol %d: decrypts after Wipe", p)
		}
		if sig := s.Authenticate([]byte("m")); sig != nil || s.Verify(sig, []byte("m")) {
			t.Errorf("protocol %d: authenticates after Wipe", p)
		}
	}
}

func TestNewSharedSecretRefuses(t *testing.T) {
	for _, c := range []struct {
		p Protocol
		n int
	}{{0, 32}, {3, 32}, {One, 31}, {Two, 33}, {Two, 0}} {
		if _, err := NewSharedSecret(c.p, counting(c.n)); ctap.StatusOf(err) != ctap.ErrInvalidParameter {
			t.Errorf("protocol %d, %d bytes: %v", c.p, c.n, err)
		}
	}
}

// Decryption takes any bytes of an allowed length, and is undone by encryption
// under the same IV.
func FuzzDecrypt(f *testing.F) {
	f.Add(uint64(1), counting(64))
	f.Add(uint64(2), counting(80))
	f.Add(uint64(2), counting(15))
	f.Add(uint64(1), []byte{})
	f.Fuzz(func(t *testing.T, n uint64, data []byte) {
		p := Protocol(1 + n%2)
		s := secret(t, p)
		plain, err := s.Decrypt(data)
		if err != nil {
			if ctap.StatusOf(err) != ctap.ErrInvalidParameter {
				t.Fatalf("status of %v", err)
			}
			if len(data)%16 == 0 && len(data) > 0 {
				t.Fatalf("refused %d bytes", len(data))
			}
			return
		}
		var iv [16]byte
		if p == Two {
			iv = [16]byte(data)
		}
		if again, err := s.encrypt(iv, plain); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x became %x (%v)", data, again, err)
		}
	})
}
