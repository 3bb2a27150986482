package rptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

var curves = map[ctap.Algorithm]elliptic.Curve{
	ctap.ES256: elliptic.P256(), ctap.ES384: elliptic.P384(), ctap.ES512: elliptic.P521(),
}

// encodePrivate makes PKCS #8 of a private key as keystore.Exporter gives it.
func encodePrivate(alg ctap.Algorithm, private []byte) ([]byte, error) {
	var key any
	var err error
	switch {
	case curves[alg] != nil:
		key, err = ecdsa.ParseRawPrivateKey(curves[alg], private)
	case alg == ctap.EdDSA && len(private) == ed25519.SeedSize:
		key = ed25519.NewKeyFromSeed(private)
	case alg == ctap.RS256:
		key, err = x509.ParsePKCS1PrivateKey(private)
	case alg == ctap.ES256K:
		return encodeSecp256k1(private)
	default:
		err = fmt.Errorf("a key of %v has no PKCS #8 form here", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("export private key: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// maxPKCS8 is above an RSA key of 16384 bits, in bytes: reading a key that is longer
// takes minutes.
const maxPKCS8 = 10 << 10

// decodePrivate reads PKCS #8. The private key is as keystore.Importer takes it.
func decodePrivate(pkcs8 []byte) (ctap.Algorithm, []byte, crypto.PublicKey, error) {
	if len(pkcs8) > maxPKCS8 {
		return 0, nil, nil, fmt.Errorf("privateKey has %d bytes, and may have %d", len(pkcs8), maxPKCS8)
	}
	if onSecp256k1(pkcs8) {
		private, public, err := decodeSecp256k1(pkcs8)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("privateKey is not PKCS #8 of a key on secp256k1: %w", err)
		}
		return ctap.ES256K, private, public, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("privateKey is not PKCS #8 in base64url: %w", err)
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		for alg, curve := range curves {
			if key.Curve == curve {
				raw, err := key.Bytes()
				return alg, raw, key.Public(), err
			}
		}
	case ed25519.PrivateKey:
		return ctap.EdDSA, key.Seed(), key.Public(), nil
	case *rsa.PrivateKey:
		return ctap.RS256, x509.MarshalPKCS1PrivateKey(key), key.Public(), nil
	}
	return 0, nil, nil, fmt.Errorf("privateKey is a %T, of which no credential is made here", key)
}
