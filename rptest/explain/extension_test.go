package explain

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func extension(t testing.TB, id, value string, critical bool) pkix.Extension {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(value, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	e := pkix.Extension{Critical: critical, Value: b}
	for arc := range strings.SplitSeq(id, ".") {
		i, err := strconv.Atoi(arc)
		if err != nil {
			t.Fatal(err)
		}
		e.Id = append(e.Id, i)
	}
	return e
}

const (
	idSubjectKey, idKeyUsage, idNames, idConstraints, idAuthorityKey, idUsages = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"
	idAAGUID, idNonce, idDescription                                           = "1.3.6.1.4.1.45724.1.1.4", "1.2.840.113635.100.8.2", "1.3.6.1.4.1.11129.2.1.17"
)

var extensionTests = map[string]struct {
	id, value string
	critical  bool
	want      string
}{
	"usages":                 {idKeyUsage, "03 02 0186", false, "keyUsage: digitalSignature, keyCertSign, cRLSign\n"},
	"a critical usage":       {idKeyUsage, "03 02 0780", true, "keyUsage: digitalSignature (critical)\n"},
	"no usage":               {idKeyUsage, "03 01 00", false, "keyUsage: none\n"},
	"a usage without a name": {idKeyUsage, "03 03 05 0020", false, "keyUsage: bit 10\n"},
	"a long usage":           {idKeyUsage, "03 0c 00 ffffffffffffffffffffff", false, "keyUsage: h'030c00ffffffffffffffffffffff'  (malformed)\n"},
	"a usage and more":       {idKeyUsage, "03 02 0780 00", true, "keyUsage: h'0302078000' (critical)  (malformed)\n"},
	"a CA":                   {idConstraints, "30 06 0101ff 020100", true, "basicConstraints\n  cA: true\n  pathLenConstraint: 0\n  critical: true\n"},
	"no CA":                  {idConstraints, "30 00", false, "basicConstraints\n  cA: false\n"},
	"no constraints":         {idConstraints, "04 00", false, "basicConstraints: h'0400'  (malformed)\n"},
	"purposes":               {idUsages, "30 12 06056781050803 06032a0304 0604551d2500", false, "extKeyUsage\n  [0]: 2.23.133.8.3  (tcg-kp-AIKCertificate)\n  [1]: 1.2.3.4\n  [2]: 2.5.29.37.0  (anyExtendedKeyUsage)\n"},
	"no purpose":             {idUsages, "30 00", false, "extKeyUsage: []\n"},
	"a subject's key":        {idSubjectKey, "04 02 abcd", false, "subjectKeyIdentifier: h'abcd'\n"},
	"an authority's key":     {idAuthorityKey, "30 07 8002abcd 820103", false, "authorityKeyIdentifier\n  keyIdentifier: h'abcd'\n  authorityCertSerialNumber: h'03'\n"},
	"another tag":            {idAuthorityKey, "30 03 830103", false, "authorityKeyIdentifier: h'3003830103'  (malformed)\n"},
	"names": {idNames, "30 1b 8201 61 8101 1b 8704 7f000001 8603 613a62 8704 01020304 8802 2a03", false,
		"subjectAltName\n  dNSName: \"a\"\n  rfc822Name: \"\\x1b\"\n  iPAddress: 127.0.0.1\n  uniformResourceIdentifier: \"a:b\"\n  iPAddress: 1.2.3.4\n  registeredID: h'2a03'\n"},
	"a chip": {idNames, tlv("30", tlv("a4", tlv("30",
		tlv("31", tlv("30", "06056781050201"+tlv("0c", ascii("id:494E5443")))),
		tlv("31", tlv("30", "06056781050202"+tlv("0c", ascii("SPM1"))), tlv("30", "06056781050203"+tlv("0c", ascii("id:0001")))),
		tlv("31", tlv("30", "06032a0304"+"0500"))))), false,
		"subjectAltName\n  directoryName\n    tpmManufacturer: \"id:494E5443\"  (INTC)\n    tpmModel: \"SPM1\"\n    tpmVersion: \"id:0001\"\n    1.2.3.4: h'0500'\n"},
	"a chip that is none": {idNames, "30 04 a402 0500", false, "subjectAltName\n  directoryName: h'0500'\n"},
	"an AAGUID":           {idAAGUID, "04 10 00112233445566778899aabbccddeeff", false, "aaguid: 00112233-4455-6677-8899-aabbccddeeff\n"},
	"a bare AAGUID":       {idAAGUID, "00112233445566778899aabbccddeeff", false, "aaguid: h'00112233445566778899aabbccddeeff'  (malformed)\n"},
	"a short AAGUID":      {idAAGUID, "04 02 0011", false, "aaguid: h'04020011'  (malformed)\n"},
	"a nonce":             {idNonce, "30 06 a104 0402 abcd", false, "appleNonce: h'abcd'\n"},
	"another nonce":       {idNonce, "30 06 a204 0402 abcd", false, "appleNonce: h'3006a2040402abcd'  (malformed)\n"},
	"no known kind":       {"1.2.3.4", "0500", true, "1.2.3.4: h'0500' (critical)\n"},
	"a description": {idDescription, tlv("30", "0202012c", "0a0101", "02020190", "0a0102", "0402abcd", "0400",
		tlv("30", tlv("bf8458", "0500")),
		tlv("30", tlv("a1", "3106020102020103"), tlv("a2", "020103"), tlv("bf853e", "020102"), tlv("bf8f4f", "0101ff"), tlv("bf837c", "0500ff"), "0500")), false,
		"keyDescription\n  attestationVersion: 300\n  attestationSecurityLevel: 1  (TrustedEnvironment)\n  keymintVersion: 400\n  keymintSecurityLevel: 2  (StrongBox)\n" +
			"  attestationChallenge: h'abcd'\n  uniqueId: h''\n  softwareEnforced\n    allApplications: present\n" +
			"  hardwareEnforced\n    purpose: {2, 3}  (SIGN, VERIFY)\n    algorithm: 3  (EC)\n    origin: 2  (IMPORTED)\n    1999: true\n    trustedConfirmationRequired: h'0500ff'  (malformed)\n    malformed: h'0500'\n"},
	"an empty description": {idDescription, tlv("30", "020103", "0a0100", "020104", "020101", "0400", "0400", "3000", "3000"), true,
		"keyDescription\n  attestationVersion: 3\n  attestationSecurityLevel: 0  (Software)\n  keymintVersion: 4\n  keymintSecurityLevel: 1  (TrustedEnvironment)\n" +
			"  attestationChallenge: h''\n  uniqueId: h''\n  softwareEnforced: {}\n  hardwareEnforced: {}\n  critical: true\n"},
	"a description that is short": {idDescription, "3003020103", false, "keyDescription: h'3003020103'  (malformed)\n"},
}

// tlv is an element of DER, in hexadecimal as what is in it.
func tlv(tag string, parts ...string) string {
	content := strings.Join(parts, "")
	if len(content) < 2*128 {
		return fmt.Sprintf("%s%02x%s", tag, len(content)/2, content)
	}
	return fmt.Sprintf("%s81%02x%s", tag, len(content)/2, content)
}

func ascii(s string) string { return hex.EncodeToString([]byte(s)) }

func TestExtensions(t *testing.T) {
	for name, e := range extensionTests {
		if got := written(extensionNode(extension(t, e.id, e.value, e.critical))); got != e.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, e.want)
		}
	}
}

// What differs in how it is written only, or in whether it is critical, differs.
func TestExtensionsDiffer(t *testing.T) {
	for _, d := range []struct{ a, b pkix.Extension }{
		{extension(t, idKeyUsage, "03 02 0780", true), extension(t, idKeyUsage, "03 02 0780", false)},
		{extension(t, idKeyUsage, "03 02 0780", true), extension(t, idKeyUsage, "03 02 0680", true)},
		{extension(t, idConstraints, "30 00", true), extension(t, idConstraints, "30 00", false)},
		{extension(t, idConstraints, "30 00", true), extension(t, idConstraints, "30 03 010100", true)},
	} {
		c := diff("", &node{parts: []*node{extensionNode(d.a)}}, &node{parts: []*node{extensionNode(d.b)}})
		if len(c) != 1 || c[0].Control == c[0].Fault {
			t.Errorf("%x and %x: %+v", d.a.Value, d.b.Value, c)
		}
	}
}

func FuzzExtension(f *testing.F) {
	ids := slices.Sorted(maps.Keys(extensionKinds))
	for _, e := range extensionTests {
		f.Add(max(0, slices.Index(ids, e.id)), extension(f, e.id, e.value, false).Value)
	}
	f.Fuzz(func(t *testing.T, kind int, value []byte) {
		id := ids[uint(kind)%uint(len(ids))]
		e := extension(t, id, "", false)
		e.Value = value
		n := extensionNode(e)
		if n.name == id || written(n) == "" {
			t.Errorf("%s: %x", id, value)
		}
		if der, err := asn1.Marshal(e); err != nil || string(der) != string(n.raw) {
			t.Errorf("%s is not as it came: %x", id, n.raw)
		}
	})
}
