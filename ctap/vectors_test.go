package ctap

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
)

// A ceremony is one of the test vectors of WebAuthn Level 3; all values are
// hexadecimal.
type ceremony struct {
	ID             string
	Registration   map[string]string
	Authentication map[string]string
}

func loadCeremonies(t testing.TB) []ceremony {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Ceremonies []ceremony }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var list []ceremony
	for _, c := range file.Ceremonies {
		if c.Registration != nil {
			list = append(list, c)
		}
	}
	if len(list) != 15 {
		t.Fatalf("%d ceremonies", len(list))
	}
	return list
}

// registered gives the parts of a ceremony's attestation object.
func (c ceremony) registered(t testing.TB) (*AttestationObject, *AuthData) {
	t.Helper()
	o, err := ParseAttestationObject(unhex(t, c.Registration["attestationObject"]))
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	a, err := ParseAuthData(o.AuthData)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return o, a
}

func TestVectorsAttestationObject(t *testing.T) {
	for _, c := range loadCeremonies(t) {
		o, _ := c.registered(t)
		if !strings.HasPrefix(c.ID, o.Fmt) {
			t.Errorf("%s: format %q", c.ID, o.Fmt)
		}
		again := encode(t, o)
		if !bytes.Equal(again, unhex(t, c.Registration["attestationObject"])) {
			t.Errorf("%s: encodes to other bytes", c.ID)
		}
		var err error
		switch o.Fmt {
		case FormatPacked:
			var s PackedStatement
			if err = Unmarshal(o.AttStmt, &s); err == nil && !bytes.Equal(encode(t, s), o.AttStmt) {
				t.Errorf("%s: statement encodes to other bytes", c.ID)
			}
		case FormatFIDOU2F:
			var s U2FStatement
			if err = Unmarshal(o.AttStmt, &s); err == nil && !bytes.Equal(encode(t, s), o.AttStmt) {
				t.Errorf("%s: statement encodes to other bytes", c.ID)
			}
		case FormatNone:
			if !bytes.Equal(o.AttStmt, EmptyMap()) {
				t.Errorf("%s: statement %x", c.ID, o.AttStmt)
			}
		}
		if err != nil {
			t.Errorf("%s: statement: %v", c.ID, err)
		}
	}
}

func TestVectorsAuthData(t *testing.T) {
	rpIDHash := sha256.Sum256([]byte("example.org"))
	for _, c := range loadCeremonies(t) {
		o, reg := c.registered(t)
		if reg.RPIDHash != rpIDHash || reg.Flags&FlagAT == 0 || reg.Flags&FlagUP == 0 || reg.Extensions != nil {
			t.Errorf("%s: %+v", c.ID, reg)
		}
		if !bytes.Equal(reg.AAGUID[:], unhex(t, c.Registration["aaguid"])) {
			t.Errorf("%s: AAGUID %v", c.ID, reg.AAGUID)
		}
		if !bytes.Equal(reg.CredentialID, unhex(t, c.Registration["credential_id"])) {
			t.Errorf("%s: credential ID %x", c.ID, reg.CredentialID)
		}
		if !bytes.Equal(reg.Append(nil), o.AuthData) {
			t.Errorf("%s: encodes to other bytes", c.ID)
		}
		data := unhex(t, c.Authentication["authenticatorData"])
		auth, err := ParseAuthData(data)
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		if auth.RPIDHash != rpIDHash || auth.Flags&(FlagAT|FlagED) != 0 || !bytes.Equal(auth.Append(nil), data) {
			t.Errorf("%s: %+v", c.ID, auth)
		}
	}
}

// mersenne reads a prime in the vectors' notation, "2^1279 - 1".
func mersenne(t testing.TB, s string) *big.Int {
	t.Helper()
	var exponent uint
	if _, err := fmt.Sscanf(s, "2^%d - 1", &exponent); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	one := big.NewInt(1)
	return new(big.Int).Sub(new(big.Int).Lsh(one, exponent), one)
}

// publicKey computes the public key that belongs to a ceremony's private key.
func (c ceremony) publicKey(t testing.TB) (Algorithm, crypto.PublicKey) {
	t.Helper()
	switch {
	case strings.Contains(c.ID, "eddsa"):
		return EdDSA, ed25519.NewKeyFromSeed(unhex(t, c.Registration["private_key"])).Public()
	case strings.Contains(c.ID, "rs256"):
		n := mersenne(t, c.Registration["private_key_p"])
		return RS256, &rsa.PublicKey{N: n.Mul(n, mersenne(t, c.Registration["private_key_q"])), E: 65537}
	}
	alg, curve := ES256, elliptic.P256()
	switch {
	case strings.Contains(c.ID, "es384"):
		alg, curve = ES384, elliptic.P384()
	case strings.Contains(c.ID, "es512"):
		alg, curve = ES512, elliptic.P521()
	}
	// The vectors give ES512's scalar without its leading zeros.
	scalar := make([]byte, (curve.Params().BitSize+7)/8)
	raw := unhex(t, c.Registration["credential_private_key"])
	copy(scalar[len(scalar)-len(raw):], raw)
	priv, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return alg, priv.Public()
}

// A key computed from the vector's private key encodes to the vector's COSE_Key,
// and that one decodes to a key that verifies the vector's signature.
func TestVectorsPublicKey(t *testing.T) {
	for _, c := range loadCeremonies(t) {
		_, reg := c.registered(t)
		if strings.Contains(c.ID, "ed448") {
			if _, _, err := UnmarshalPublicKey(reg.PublicKey); err == nil {
				t.Errorf("%s: decoded a key of a curve that is not supported", c.ID)
			}
			continue
		}
		alg, pub := c.publicKey(t)
		got, err := MarshalPublicKey(alg, pub)
		if err != nil || !bytes.Equal(got, reg.PublicKey) {
			t.Errorf("%s: encoded %x (%v)", c.ID, got, err)
		}
		alg2, pub2, err := UnmarshalPublicKey(reg.PublicKey)
		if err != nil || alg2 != alg {
			t.Errorf("%s: decoded %v (%v)", c.ID, alg2, err)
			continue
		}
		if !verifies(alg2, pub2, c.signed(t), unhex(t, c.Authentication["signature"])) {
			t.Errorf("%s: the signature does not verify", c.ID)
		}
	}
}

// signed is what a ceremony's assertion signs.
func (c ceremony) signed(t testing.TB) []byte {
	hash := sha256.Sum256(unhex(t, c.Authentication["clientDataJSON"]))
	return append(unhex(t, c.Authentication["authenticatorData"]), hash[:]...)
}

func verifies(alg Algorithm, pub crypto.PublicKey, message, sig []byte) bool {
	digest := message
	if h := alg.Hash(); h != 0 {
		w := h.New()
		w.Write(message)
		digest = w.Sum(nil)
	}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digest, sig)
	case ed25519.PublicKey:
		return ed25519.Verify(pub, digest, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, alg.Hash(), digest, sig) == nil
	}
	return false
}
