package authenticator

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// vector is one ceremony of WebAuthn Level 3, chapter 16.
type vector struct {
	ID             string
	Registration   map[string]string
	Authentication map[string]string
}

func (v *vector) bytes(t *testing.T, part map[string]string, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(part[name])
	if err != nil {
		t.Fatalf("%s: %s: %v", v.ID, name, err)
	}
	return b
}

// notMade lists the ceremonies whose format or algorithm this device does not
// make.
var notMade = []string{"attestation-root-cert", "packed-ed448", "tpm-es256", "android-key-es256", "apple-es256"}

// TestWebAuthnVectors rebuilds every ceremony of the standard whose format and
// algorithm we make, byte for byte, from its private keys.
func TestWebAuthnVectors(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/webauthn-l3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Ceremonies []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, v := range file.Ceremonies {
		if slices.Contains(notMade, v.ID) {
			continue
		}
		made++
		t.Run(v.ID, func(t *testing.T) { v.rebuild(t) })
	}
	if made != 11 {
		t.Errorf("rebuilt %d ceremonies, want 11", made)
	}
}

func (v *vector) rebuild(t *testing.T) {
	want, err := ctap.ParseAttestationObject(v.bytes(t, v.Registration, "attestationObject"))
	if err != nil {
		t.Fatal(err)
	}
	wantData, err := ctap.ParseAuthData(want.AuthData)
	if err != nil {
		t.Fatal(err)
	}
	alg, _, err := ctap.UnmarshalPublicKey(wantData.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key := v.credentialKey(t, alg)

	// Registration: authenticator data from the private key, then the
	// statement, then the object.
	public, err := ctap.MarshalPublicKey(alg, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	authData := ctap.AuthData{
		RPIDHash: sum([]byte("example.org")), Flags: wantData.Flags,
		AAGUID: wantData.AAGUID, CredentialID: v.bytes(t, v.Registration, "credential_id"), PublicKey: public,
	}
	encoded := authData.Append(nil)
	clientDataHash := sum(v.bytes(t, v.Registration, "clientDataJSON"))
	got, err := ctap.Marshal(ctap.AttestationObject{
		Fmt: want.Fmt, AttStmt: v.statement(t, want, key, alg, &authData, clientDataHash[:]), AuthData: encoded,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := v.bytes(t, v.Registration, "attestationObject"); !bytes.Equal(got, w) {
		t.Errorf("attestation object\n got %x\nwant %x", got, w)
	}

	// Authentication.
	wantAssertion := v.bytes(t, v.Authentication, "authenticatorData")
	assertion := ctap.AuthData{RPIDHash: authData.RPIDHash, Flags: ctap.Flags(wantAssertion[32])}
	if got := assertion.Append(nil); !bytes.Equal(got, wantAssertion) {
		t.Errorf("authenticator data\n got %x\nwant %x", got, wantAssertion)
	}
	hash := sum(v.bytes(t, v.Authentication, "clientDataJSON"))
	signature, err := sign(t.Context(), key, alg, wantAssertion, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	if w := v.bytes(t, v.Authentication, "signature"); !bytes.Equal(signature, w) {
		t.Errorf("signature\n got %x\nwant %x", signature, w)
	}
}

// statement rebuilds the attestation statement. Certificates are the vector's
// own: what they certify is what we sign with.
func (v *vector) statement(t *testing.T, want *ctap.AttestationObject, key keystore.Key, alg ctap.Algorithm, authData *ctap.AuthData, clientDataHash []byte) ctap.RawMessage {
	t.Helper()
	if want.Fmt == ctap.FormatNone {
		return ctap.EmptyMap()
	}
	var given struct {
		X5C []ctap.Bytes `cbor:"x5c"`
	}
	if err := ctap.Unmarshal(want.AttStmt, &given); err != nil {
		t.Fatal(err)
	}
	var (
		statement any
		err       error
	)
	if given.X5C == nil {
		statement, err = packedSelf(t.Context(), key, alg, authData.Append(nil), clientDataHash)
	} else {
		once := onceKey{ecdsaKey(t, elliptic.P256(), v.bytes(t, v.Registration, "attestation_private_key"))}
		if want.Fmt == ctap.FormatPacked {
			sig, signErr := once.sign(authData.Append(nil), clientDataHash)
			statement, err = &ctap.PackedStatement{Alg: ctap.ES256, Sig: sig, X5C: given.X5C}, signErr
		} else {
			c := credential{RPIDHash: authData.RPIDHash[:], ID: authData.CredentialID, Alg: alg, PublicKey: authData.PublicKey}
			point, pointErr := c.point()
			if pointErr != nil {
				t.Fatal(pointErr)
			}
			sig, signErr := once.sign(u2fRegistrationData(&c, clientDataHash, point)...)
			statement, err = &ctap.U2FStatement{Sig: sig, X5C: given.X5C}, signErr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := ctap.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func (v *vector) credentialKey(t *testing.T, alg ctap.Algorithm) keystore.Key {
	t.Helper()
	switch alg {
	case ctap.EdDSA:
		return fixedKey{ed25519.NewKeyFromSeed(v.bytes(t, v.Registration, "private_key"))}
	case ctap.RS256:
		p, q := mersenne(1279), mersenne(2203)
		e := big.NewInt(65537)
		one := big.NewInt(1)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
			D:         new(big.Int).ModInverse(e, phi), Primes: []*big.Int{p, q},
		}
		key.Precompute()
		return fixedKey{key}
	}
	curve := map[ctap.Algorithm]elliptic.Curve{ctap.ES256: elliptic.P256(), ctap.ES384: elliptic.P384(), ctap.ES512: elliptic.P521()}[alg]
	return fixedKey{ecdsaKey(t, curve, v.bytes(t, v.Registration, "credential_private_key"))}
}

// mersenne is 2^n - 1, prime for the n that the standard chose.
func mersenne(n uint) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(1), n)
	return x.Sub(x, big.NewInt(1))
}

func ecdsaKey(t *testing.T, curve elliptic.Curve, scalar []byte) *ecdsa.PrivateKey {
	t.Helper()
	padded := make([]byte, (curve.Params().BitSize+7)/8)
	copy(padded[len(padded)-len(scalar):], scalar)
	key, err := ecdsa.ParseRawPrivateKey(curve, padded)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// fixedKey signs deterministically with a given private key.
type fixedKey struct{ crypto.Signer }

func (k fixedKey) Sign(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.Signer.Sign(nil, digest, opts)
}

func (fixedKey) Close() error { return nil }
