package attest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/keygen"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/seed-77d61853/signet/ctap"
)

const (
	rpID   = "login.example"
	origin = "https://login.example"
)

var (
	algorithms = []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.EdDSA, ctap.RS256, ctap.ES256K}

	seed       = []byte("a seed for tests")
	aaguid     = ctap.AAGUID{0xF1, 0xD0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	clientData = []byte(`{"type":"webauthn.create","challenge":"AAECAwQFBgcICQoLDA0ODw","origin":"https://login.example"}`)
)

const challenge = "AAECAwQFBgcICQoLDA0ODw"

// newCredential makes the input for a credential of an algorithm, its key a
// function of the algorithm.
func newCredential(t testing.TB, format Format, alg ctap.Algorithm) Input {
	t.Helper()
	hash := sha256.Sum256(clientData)
	in := Input{Format: format, ClientDataHash: hash[:], AAGUID: aaguid, Alg: alg, CredentialID: []byte("credential " + alg.String())}
	var err error
	if in.PublicKey, in.Sign, err = credentialKey(alg); err != nil {
		t.Fatal(err)
	}
	cose, err := ctap.MarshalPublicKey(alg, in.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	data := ctap.AuthData{
		RPIDHash: sha256.Sum256([]byte(rpID)), Flags: ctap.FlagUP | ctap.FlagUV | ctap.FlagAT,
		AAGUID: aaguid, CredentialID: in.CredentialID, PublicKey: cose,
	}
	if format == FIDOU2F {
		in.AAGUID, data.AAGUID = ctap.AAGUID{}, ctap.AAGUID{}
		data.Flags &^= ctap.FlagUV // which U2F does not have
	}
	in.AuthData = data.Append(nil)
	return in
}

var rsaKey = sync.OnceValues(func() (crypto.Signer, error) { return keygen.RSA(2048, []byte("a credential's RSA key for tests")) })

func credentialKey(alg ctap.Algorithm) (crypto.PublicKey, Signer, error) {
	curves := map[ctap.Algorithm]elliptic.Curve{ctap.ES256: elliptic.P256(), ctap.ES384: elliptic.P384(), ctap.ES512: elliptic.P521()}
	secret := sha256.Sum256([]byte(alg.String()))
	switch alg {
	case ctap.ES256, ctap.ES384, ctap.ES512:
		key, err := keygen.ECDSA(curves[alg], append(secret[:], secret[:]...))
		return key.Public(), signer(key, alg), err
	case ctap.EdDSA:
		key := ed25519.NewKeyFromSeed(secret[:])
		return key.Public(), signer(key, alg), nil
	case ctap.RS256:
		key, err := rsaKey()
		return key.Public(), signer(key, alg), err
	case ctap.ES256K:
		key := secp256k1.PrivKeyFromBytes(secret[:])
		point := key.PubKey().SerializeUncompressed()
		pub := &ctap.Secp256k1Point{X: [32]byte(point[1:33]), Y: [32]byte(point[33:])}
		return pub, func(message []byte) ([]byte, error) {
			digest := sha256.Sum256(message)
			return secp256k1ecdsa.Sign(key, digest[:]).Serialize(), nil
		}, nil
	}
	return nil, nil, fmt.Errorf("no key of %v", alg)
}

func verifySecp256k1(pub *ctap.Secp256k1Point, message, sig []byte) bool {
	key, err := secp256k1.ParsePubKey(append(append([]byte{4}, pub.X[:]...), pub.Y[:]...))
	if err != nil {
		return false
	}
	// The library's parser of DER wants low s, which WebAuthn does not.
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) > 0 {
		return false
	}
	var r, s secp256k1.ModNScalar
	if rs.R.Sign() <= 0 || rs.S.Sign() <= 0 || r.SetByteSlice(rs.R.Bytes()) || s.SetByteSlice(rs.S.Bytes()) {
		return false
	}
	digest := sha256.Sum256(message)
	return secp256k1ecdsa.NewSignature(&r, &s).Verify(digest[:], key)
}

// object encodes the attestation object that a client would hand over.
func object(t testing.TB, a *Authority, in Input, edits ...Edit) []byte {
	t.Helper()
	format, attStmt, err := a.Statement(in, edits...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ctap.Marshal(ctap.AttestationObject{Fmt: format, AttStmt: attStmt, AuthData: in.AuthData})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forEach runs a test for every format with every algorithm that it supports.
func forEach(t *testing.T, f func(t *testing.T, format Format, alg ctap.Algorithm)) {
	for _, format := range Formats() {
		for _, alg := range algorithms {
			if format.Supports(alg) {
				t.Run(strings.Join([]string{string(format), alg.String()}, " "), func(t *testing.T) { f(t, format, alg) })
			}
		}
	}
}

func fixedClock() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }
