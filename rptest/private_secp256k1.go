package rptest

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// The names of elliptic curve keys (RFC 5480 §2.1.1), and of a curve that crypto/x509
// does not know (SEC 2 §A.2.1).
var (
	idECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	secp256k1     = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

type algorithmIdentifier struct {
	Algorithm asn1.ObjectIdentifier
	Curve     asn1.ObjectIdentifier
}

// privateKeyInfo is that of RFC 5958 §2, in version 1, which is written as 0.
type privateKeyInfo struct {
	Version    int
	Algorithm  algorithmIdentifier
	PrivateKey []byte
	Attributes []asn1.RawValue `asn1:"optional,tag:0,set"`
}

// ecPrivateKey is that of RFC 5915 §3.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// encodeSecp256k1 makes PKCS #8 of a scalar of 32 bytes, with the public key.
func encodeSecp256k1(scalar []byte) ([]byte, error) {
	point, err := secp256k1Point(scalar)
	if err != nil {
		return nil, fmt.Errorf("export private key: %w", err)
	}
	public := uncompressed(point)
	key, err := asn1.Marshal(ecPrivateKey{
		Version: 1, PrivateKey: scalar, PublicKey: asn1.BitString{Bytes: public, BitLength: 8 * len(public)},
	})
	if err != nil {
		return nil, fmt.Errorf("export private key: %w", err)
	}
	return asn1.Marshal(privateKeyInfo{Algorithm: algorithmIdentifier{idECPublicKey, secp256k1}, PrivateKey: key})
}

// onSecp256k1 tells whether PKCS #8 says that it is of a key on secp256k1.
func onSecp256k1(pkcs8 []byte) bool {
	var info struct {
		Version   int
		Algorithm algorithmIdentifier
	}
	_, err := asn1.Unmarshal(pkcs8, &info)
	return err == nil && info.Algorithm.Algorithm.Equal(idECPublicKey) && info.Algorithm.Curve.Equal(secp256k1)
}

// decodeSecp256k1 reads what encodeSecp256k1 writes, and what others may: without the
// public key, with it compressed, with the curve named twice, with attributes.
func decodeSecp256k1(pkcs8 []byte) (scalar []byte, point *ctap.Secp256k1Point, err error) {
	info, err := parseDER[privateKeyInfo](pkcs8)
	if err != nil {
		return nil, nil, err
	}
	key, err := parseDER[ecPrivateKey](info.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("ECPrivateKey: %w", err)
	}
	switch {
	case info.Version != 0:
		return nil, nil, fmt.Errorf("version %d", info.Version)
	case key.Version != 1:
		return nil, nil, fmt.Errorf("ECPrivateKey: version %d", key.Version)
	case key.Curve != nil && !key.Curve.Equal(secp256k1):
		return nil, nil, errors.New("ECPrivateKey: it names another curve")
	}
	if point, err = secp256k1Point(key.PrivateKey); err != nil {
		return nil, nil, err
	}
	if !isPublic(key.PublicKey, point) {
		return nil, nil, errors.New("ECPrivateKey: the public key is another's")
	}
	return key.PrivateKey, point, nil
}

// isPublic tells whether a public key is none, or this point in one of the forms that
// RFC 5480 §2.2 has.
func isPublic(public asn1.BitString, point *ctap.Secp256k1Point) bool {
	compressed := append([]byte{2 | point.Y[31]&1}, point.X[:]...)
	switch {
	case public.Bytes == nil:
		return true
	case public.BitLength != 8*len(public.Bytes):
		return false
	}
	return bytes.Equal(public.Bytes, uncompressed(point)) || bytes.Equal(public.Bytes, compressed)
}

func uncompressed(point *ctap.Secp256k1Point) []byte {
	return append(append([]byte{4}, point.X[:]...), point.Y[:]...)
}

// parseDER reads DER that has nothing that T has not: asn1.Unmarshal passes over what
// follows, within and behind.
func parseDER[T any](der []byte) (v T, err error) {
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return v, err
	}
	again, err := asn1.Marshal(v)
	if err != nil {
		return v, err
	}
	if !bytes.Equal(again, der) {
		return v, errors.New("it is not DER, or something is in it that does not belong there")
	}
	return v, nil
}

// secp256k1Point computes the public key of a scalar, which has to have 32 bytes and
// to be in the curve's range.
func secp256k1Point(scalar []byte) (*ctap.Secp256k1Point, error) {
	ctx := context.Background() // memory does not wait
	keys := software.NewBare(nil)
	h, err := keys.ImportKey(ctx, ctap.ES256K, scalar, nil, keystore.Ungated)
	if err != nil {
		return nil, err
	}
	k, err := keys.Open(ctx, h, nil)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	point, ok := k.Public().(*ctap.Secp256k1Point)
	if !ok {
		return nil, fmt.Errorf("a public key of %v is a %T", ctap.ES256K, k.Public())
	}
	return point, nil
}
