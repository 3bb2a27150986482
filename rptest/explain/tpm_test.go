package explain

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// written is what is printed of a node, and nothing where there is none.
func written(n *node) string {
	var b strings.Builder
	if n != nil {
		n.write(&b, 0)
	}
	return b.String()
}

// rsaArea is a signing key's, with a scheme.
func rsaArea() []byte {
	return tpm2.Marshal(tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA1, ObjectAttributes: tpm2.TPMAObject{NoDA: true, SignEncrypt: true, X509Sign: true},
		AuthPolicy: tpm2.TPM2BDigest{Buffer: []byte{1, 2}},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{
			Symmetric: tpm2.TPMTSymDefObject{Algorithm: tpm2.TPMAlgNull},
			Scheme: tpm2.TPMTRSAScheme{Scheme: tpm2.TPMAlgRSASSA,
				Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256})},
			KeyBits: 2048,
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: []byte{0xc0, 0xff, 0xee}}),
	})
}

func TestPubArea(t *testing.T) {
	for name, a := range map[string]struct {
		b    []byte
		want []string
	}{
		"RSA": {rsaArea(), []string{"  type: 0x0001  (RSA)\n", "  nameAlg: 0x0004  (SHA-1)\n", "  objectAttributes  (0x000c0400)\n    fixedTPM: 0\n",
			"    noDA: 1\n", "    sign: 1\n    x509sign: 1\n", "  authPolicy: h'0102'\n", "    symmetric: 0x0010  (NULL)\n",
			"    scheme\n      scheme: 0x0014  (RSASSA)\n      hashAlg: 0x000b  (SHA-256)\n", "    keyBits: 2048\n    exponent: 0  (65537 is meant)\n",
			"  unique\n    n: h'c0ffee'\n"}},
		"a storage key": {tpm2.Marshal(tpm2.RSASRKTemplate), []string{"    restricted: 1\n    decrypt: 1\n",
			"    symmetric\n      algorithm: 0x0006  (AES)\n      keyBits: 128\n      mode: 0x0043  (CFB)\n"}},
		"an elliptic key": {tpm2.Marshal(tpm2.ECCEKTemplate), []string{"  type: 0x0023  (ECC)\n", "    curveID: 0x0003  (P-256)\n    kdf: 0x0010  (NULL)\n", "  unique\n    x: h'0000"}},
		"a byte more":     {append(rsaArea(), 7), []string{"  trailing: h'07'\n"}},
	} {
		got := written(pubAreaNode(a.b))
		for _, want := range a.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: nothing of %q in\n%s", name, want, got)
			}
		}
	}
	for _, whole := range [][]byte{rsaArea(), tpm2.Marshal(tpm2.RSASRKTemplate), tpm2.Marshal(tpm2.ECCEKTemplate)} {
		for i := range whole {
			if n := pubAreaNode(whole[:i]); n != nil {
				t.Errorf("%d bytes of %d are taken for all: %s", i, len(whole), written(n))
			}
		}
	}
	for name, b := range map[string][]byte{
		"its length in front": append([]byte{0, byte(len(rsaArea()))}, rsaArea()...),
		"a hash's key": tpm2.Marshal(tpm2.TPMTPublic{Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{Scheme: tpm2.TPMTKeyedHashScheme{Scheme: tpm2.TPMAlgNull}}),
			Unique:     tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{})}),
	} {
		if n := pubAreaNode(b); n != nil {
			t.Errorf("%s is taken for a key: %s", name, written(n))
		}
	}
}

func TestCertInfo(t *testing.T) {
	good := tpm2.Marshal(tpm2.TPMSAttest{
		Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify,
		QualifiedSigner: tpm2.TPM2BName{Buffer: []byte{0, 0x0c, 1}}, ExtraData: tpm2.TPM2BData{Buffer: []byte{5, 6}},
		ClockInfo: tpm2.TPMSClockInfo{Clock: 77, ResetCount: 3, RestartCount: 4, Safe: true}, FirmwareVersion: 0x0102,
		Attested: tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{
			Name: tpm2.TPM2BName{Buffer: []byte{0, 0x0b, 8}}, QualifiedName: tpm2.TPM2BName{Buffer: []byte{0, 0x0b, 9}}}),
	})
	at := func(i int, b ...byte) []byte { return slices.Replace(slices.Clone(good), i, i+len(b), b...) }
	for name, c := range map[string]struct {
		b    []byte
		want []string
	}{
		"good": {good, []string{"  magic: 0xff544347  (TPM_GENERATED_VALUE)\n  type: 0x8017  (TPM_ST_ATTEST_CERTIFY)\n", "  qualifiedSigner: h'000c01'  (SHA-384)\n  extraData: h'0506'\n",
			"  clockInfo\n    clock: 77  (ms)\n    resetCount: 3\n    restartCount: 4\n    safe: 1\n  firmwareVersion: 0x0000000000000102\n",
			"  name: h'000b08'  (SHA-256)\n  qualifiedName: h'000b09'  (SHA-256)\n"}},
		"another magic":  {at(0, 0xfe), []string{"  magic: 0xfe544347\n", "  qualifiedName: h'000b09'"}},
		"another type":   {at(4, 0x80, 0x1a), []string{"  type: 0x801a  (TPM_ST_ATTEST_CREATION)\n", "  name: h'000b08'"}},
		"an unsafe time": {at(31, 2), []string{"    safe: 2\n"}},
		"a byte more":    {append(slices.Clone(good), 7), []string{"  trailing: h'07'\n"}},
	} {
		got := written(certInfoNode(c.b))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: nothing of %q in\n%s", name, want, got)
			}
		}
	}
	for i := range good {
		if n := certInfoNode(good[:i]); n != nil {
			t.Errorf("%d bytes are taken for all: %s", i, written(n))
		}
	}
}

// A structure that is none stays as it is, within a statement that is taken apart.
func TestStatementThatIsMalformed(t *testing.T) {
	object, err := hex.DecodeString("a1" + "6761747453746d74" + "a3" + "6863657274496e666f" + "4101" + "6770756241726561" + "4102" + "63783563" + "814103")
	if err != nil {
		t.Fatal(err)
	}
	want := "attestationObject\n  attStmt\n    certInfo: h'01'  (no TPMS_ATTEST of a key)\n" +
		"    pubArea: h'02'  (no TPMT_PUBLIC of a key of RSA or elliptic curves)\n    x5c\n      [0]: h'03'  (no certificate that can be read)\n"
	if got := Explain(object); got != want {
		t.Errorf("got %s", got)
	}
}

func FuzzCertInfo(f *testing.F) {
	f.Add(tpm2.Marshal(tpm2.TPMSAttest{Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify,
		Attested: tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{})}))
	f.Fuzz(func(t *testing.T, b []byte) { written(certInfoNode(b)) })
}

// What is shown of a pubArea is all of it: it is made of what tpm2 reads, and of the
// rest.
func FuzzPubArea(f *testing.F) {
	f.Add(rsaArea())
	f.Add(tpm2.Marshal(tpm2.RSASRKTemplate))
	f.Add(tpm2.Marshal(tpm2.ECCSRKTemplate))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := pubAreaNode(b)
		if n == nil {
			return
		}
		public, err := tpm2.Unmarshal[tpm2.TPMTPublic](b)
		if err != nil {
			t.Fatal(err)
		}
		whole := tpm2.Marshal(public)
		if trailing := n.part("trailing"); trailing != nil {
			whole = append(whole, trailing.raw...)
		}
		if !bytes.Equal(whole, b) {
			t.Errorf("%x is shown as if it were %x", b, whole)
		}
		written(n)
	})
}
