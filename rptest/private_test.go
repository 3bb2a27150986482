package rptest

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// The scalar and the point of testdata/secp256k1*.der, as OpenSSL 3.0 prints them. They
// were made by
//
//	openssl ecparam -name secp256k1 -genkey -noout |
//	openssl ec -conv_form uncompressed | openssl pkcs8 -topk8 -nocrypt -outform DER
//
// with -conv_form compressed for one, and -no_public for another.
const (
	opensslScalar = "1942c6fbb2380d06634ec958f0cc23a56a6f16083e675841c2fd902f364ca611"
	opensslX      = "8a24b21fec28f42dce6d26eaffcf7432d2d2358d3e0a4b7e362dec17e8619fa6"
	opensslY      = "ee07eeb9981d1371ad712e526852def2564e01f9c3ffaca6f71865839d4282d6"
)

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What OpenSSL writes of a key on secp256k1 is read, and written the same.
func TestPrivateKeyOfOpenSSL(t *testing.T) {
	scalar := unhex(opensslScalar)
	point := &ctap.Secp256k1Point{X: [32]byte(unhex(opensslX)), Y: [32]byte(unhex(opensslY))}
	for _, file := range []string{"secp256k1.der", "secp256k1-compressed.der", "secp256k1-no-public.der"} {
		alg, private, public, err := decodePrivate(read(t, file))
		if err != nil || alg != ctap.ES256K || !bytes.Equal(private, scalar) || !reflect.DeepEqual(public, point) {
			t.Errorf("%s: %v %x %v, %v", file, alg, private, public, err)
		}
	}
	if got, err := encodePrivate(ctap.ES256K, scalar); err != nil || !bytes.Equal(got, read(t, "secp256k1.der")) {
		t.Errorf("written is %x, %v", got, err)
	}
}

// forms are what PKCS #8 of the key of OpenSSL may be, for tests to change.
func forms(t *testing.T) (privateKeyInfo, ecPrivateKey) {
	t.Helper()
	info, err := parseDER[privateKeyInfo](read(t, "secp256k1.der"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := parseDER[ecPrivateKey](info.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return info, key
}

func der(t *testing.T, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bits(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

// A key on secp256k1 is taken in the forms that the standards have, and no other.
func TestPrivateKeyForms(t *testing.T) {
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	brainpoolP256r1 := asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}
	for _, test := range []struct {
		name   string
		change func(*privateKeyInfo, *ecPrivateKey)
		want   string // of the error; empty: it is taken
	}{
		{"as it is", func(*privateKeyInfo, *ecPrivateKey) {}, ""},
		{"the curve twice", func(_ *privateKeyInfo, k *ecPrivateKey) { k.Curve = secp256k1 }, ""},
		{"attributes", func(i *privateKeyInfo, _ *ecPrivateKey) { i.Attributes = []asn1.RawValue{{FullBytes: []byte{0x30, 0}}} }, ""},
		{"another curve within", func(_ *privateKeyInfo, k *ecPrivateKey) { k.Curve = brainpoolP256r1 }, "another curve"},
		{"another curve without", func(i *privateKeyInfo, _ *ecPrivateKey) { i.Algorithm.Curve = brainpoolP256r1 }, "not PKCS #8"},
		{"another kind of key", func(i *privateKeyInfo, _ *ecPrivateKey) { i.Algorithm.Algorithm = secp256k1 }, "not PKCS #8"},
		{"another version", func(i *privateKeyInfo, _ *ecPrivateKey) { i.Version = 1 }, "version 1"},
		{"another version within", func(_ *privateKeyInfo, k *ecPrivateKey) { k.Version = 0 }, "version 0"},
		{"0", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey = make([]byte, 32) }, "not a scalar"},
		{"the order", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey = unhex(order) }, "not a scalar"},
		{"2²⁵⁶-1", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey = bytes.Repeat([]byte{255}, 32) }, "not a scalar"},
		{"31 bytes", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey = k.PrivateKey[1:] }, "not a scalar"},
		{"33 bytes", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey = append([]byte{0}, k.PrivateKey...) }, "not a scalar"},
		{"another scalar", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PrivateKey[31]++ }, "another's"},
		{"another point", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PublicKey.Bytes[64]++ }, "another's"},
		{"the other point", func(_ *privateKeyInfo, k *ecPrivateKey) {
			k.PublicKey = bits(append([]byte{3}, k.PublicKey.Bytes[1:33]...))
		}, "another's"},
		{"a hybrid point", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PublicKey.Bytes[0] = 6 }, "another's"},
		{"no point", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PublicKey = bits([]byte{}) }, "another's"},
		{"a point cut by a bit", func(_ *privateKeyInfo, k *ecPrivateKey) { k.PublicKey.BitLength-- }, "another's"},
	} {
		t.Run(test.name, func(t *testing.T) {
			info, key := forms(t)
			test.change(&info, &key)
			info.PrivateKey = der(t, key)
			_, _, _, err := decodePrivate(der(t, info))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// Nothing follows a key on secp256k1, or its parts, and its lengths are DER's.
func TestPrivateKeyStrict(t *testing.T) {
	info, key := forms(t)
	whole, inner := der(t, info), info.PrivateKey
	type longer struct {
		Version   int
		Algorithm algorithmIdentifier
		Key       []byte
		Public    asn1.BitString `asn1:"tag:1"`
	}
	within := func(inner []byte) []byte {
		return der(t, privateKeyInfo{Algorithm: info.Algorithm, PrivateKey: inner})
	}
	for name, data := range map[string][]byte{
		"a byte behind":            append(bytes.Clone(whole), 0),
		"a byte missing":           whole[:len(whole)-1],
		"a field behind":           der(t, longer{0, info.Algorithm, inner, key.PublicKey}),
		"a byte behind the key":    within(append(bytes.Clone(inner), 0)),
		"a field behind the key's": within(append([]byte{inner[0], inner[1] + 2}, append(bytes.Clone(inner[2:]), 5, 0)...)),
		"a length in two bytes":    within(append([]byte{inner[0], 0x81}, inner[1:]...)),
		"no length":                within(append(append([]byte{inner[0], 0x80}, inner[2:]...), 0, 0)),
		"parameters behind": der(t, struct {
			Version   int
			Algorithm struct{ A, B, C asn1.ObjectIdentifier }
			Key       []byte
		}{0, struct{ A, B, C asn1.ObjectIdentifier }{idECPublicKey, secp256k1, secp256k1}, inner}),
	} {
		if _, _, _, err := decodePrivate(data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Every device's private keys come through PKCS #8.
func TestPrivateKeys(t *testing.T) {
	for _, alg := range makes {
		t.Run(alg.String(), func(t *testing.T) {
			pkcs8 := exported(t, alg)
			got, private, public, err := decodePrivate(pkcs8)
			if err != nil || got != alg {
				t.Fatal(got, err)
			}
			if _, err := ctap.MarshalPublicKey(alg, public); err != nil {
				t.Error(err)
			}
			if again, err := encodePrivate(alg, private); err != nil || !bytes.Equal(again, pkcs8) {
				t.Errorf("%x, and before %x, %v", again, pkcs8, err)
			}
		})
	}
	if _, err := encodePrivate(ctap.ES256K, make([]byte, 32)); err == nil {
		t.Error("a scalar of 0 is written")
	}
}

// exported is the private key of a passkey.
func exported(t testing.TB, alg ctap.Algorithm) []byte {
	t.Helper()
	d, err := NewDevice(DeviceConfig{Seed: "exported", Algorithms: []ctap.Algorithm{alg}})
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Device: d, Origin: "https://login.example"}
	if _, err := c.Create(t.Context(), fmt.Appendf(nil, `{"rp":{"name":"E"},"user":{"id":"YWxpY2U","name":"alice","displayName":"A"},`+
		`"challenge":"cmVnaXN0ZXI","pubKeyCredParams":[{"type":"public-key","alg":%d}],"authenticatorSelection":{"residentKey":"required"}}`, alg)); err != nil {
		t.Fatal(err)
	}
	all, err := d.Credentials(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0].PrivateKey
}

// FuzzPrivateKey: what is read as a private key is written in a form that is read as
// the same key, and what is written is written the same again.
func FuzzPrivateKey(f *testing.F) {
	for _, alg := range makes {
		f.Add(exported(f, alg))
	}
	f.Add(read(f, "secp256k1.der"))
	f.Add(read(f, "secp256k1-compressed.der"))
	f.Add(read(f, "secp256k1-no-public.der"))
	f.Fuzz(func(t *testing.T, pkcs8 []byte) {
		alg, private, public, err := decodePrivate(pkcs8)
		if err != nil {
			return
		}
		written, err := encodePrivate(alg, private)
		if err != nil {
			t.Fatal(err)
		}
		alg2, private2, public2, err := decodePrivate(written)
		if err != nil || alg2 != alg || !bytes.Equal(private2, private) || !reflect.DeepEqual(public2, public) {
			t.Fatalf("%v %x, and before %v %x, %v", alg2, private2, alg, private, err)
		}
		if again, err := encodePrivate(alg2, private2); err != nil || !bytes.Equal(again, written) {
			t.Fatalf("%x, and before %x, %v", again, written, err)
		}
	})
}
