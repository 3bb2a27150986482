package explain

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// extensionKinds are those of attestation certificates, by name, with what takes
// their values apart, or gives nil.
var extensionKinds = map[string]struct {
	name  string
	parse func(value []byte) *node
}{
	"2.5.29.14":                {"subjectKeyIdentifier", octetsNode}, // RFC 5280 §4.2.1.2
	"2.5.29.15":                {"keyUsage", keyUsageNode},
	"2.5.29.17":                {"subjectAltName", generalNamesNode},
	"2.5.29.19":                {"basicConstraints", basicConstraintsNode},
	"2.5.29.35":                {"authorityKeyIdentifier", authorityKeyNode},
	"2.5.29.37":                {"extKeyUsage", extKeyUsageNode},
	"1.3.6.1.4.1.45724.1.1.4":  {"aaguid", aaguidNode},
	"1.2.840.113635.100.8.2":   {"appleNonce", appleNonceNode},
	"1.3.6.1.4.1.11129.2.1.17": {"keyDescription", keyDescriptionNode},
}

func extensionsNode(list []pkix.Extension) *node {
	n := &node{name: "extensions", value: emptyMap, parts: []*node{}}
	for _, e := range list {
		part := extensionNode(e)
		n.raw = append(n.raw, part.raw...)
		n.add(part)
	}
	return n
}

// extensionNode takes an extension apart. A value that is malformed is shown as it
// is.
func extensionNode(e pkix.Extension) *node {
	id := e.Id.String()
	n := &node{name: id, value: hexed(e.Value)}
	if kind, ok := extensionKinds[id]; ok {
		n.name, n.note = kind.name, "malformed"
		n.replace(kind.parse(e.Value))
	}
	var err error
	if n.raw, err = asn1.Marshal(e); err != nil {
		n.raw = e.Value
	}
	switch {
	case !e.Critical:
	case n.parts == nil:
		n.value += " (critical)"
	default:
		n.add(leaf("critical", "true"))
	}
	return n
}

// octetsNode is an OCTET STRING.
func octetsNode(value []byte) *node {
	var b []byte
	if rest, err := asn1.Unmarshal(value, &b); err != nil || len(rest) > 0 {
		return nil
	}
	return bytesLeaf("", b)
}

func aaguidNode(value []byte) *node {
	n := octetsNode(value)
	if n == nil || len(n.raw) != len(ctap.AAGUID{}) {
		return nil
	}
	return leaf("", ctap.AAGUID(n.raw).String())
}

// keyUsages are the bits' names (RFC 5280 §4.2.1.3).
var keyUsages = []string{
	"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
}

func keyUsageNode(value []byte) *node {
	var bits asn1.BitString
	if rest, err := asn1.Unmarshal(value, &bits); err != nil || len(rest) > 0 || bits.BitLength > 8*len(keyUsages) {
		return nil
	}
	set := []string{}
	for i := range bits.BitLength {
		switch {
		case bits.At(i) == 0:
		case i < len(keyUsages):
			set = append(set, keyUsages[i])
		default:
			set = append(set, fmt.Sprintf("bit %d", i))
		}
	}
	if len(set) == 0 {
		return leaf("", "none")
	}
	return leaf("", strings.Join(set, ", "))
}

func basicConstraintsNode(value []byte) *node {
	var c struct {
		CA      bool `asn1:"optional"`
		PathLen int  `asn1:"optional,default:-1"`
	}
	if rest, err := asn1.Unmarshal(value, &c); err != nil || len(rest) > 0 {
		return nil
	}
	n := new(node)
	n.add(leaf("cA", strconv.FormatBool(c.CA)))
	if c.PathLen != -1 {
		n.add(leaf("pathLenConstraint", strconv.Itoa(c.PathLen)))
	}
	return n
}

// purposes are what keys of certificates are for (RFC 5280 §4.2.1.12, TCG's).
var purposes = map[string]string{
	"2.5.29.37.0": "anyExtendedKeyUsage", "1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth",
	"1.3.6.1.5.5.7.3.3": "codeSigning", "1.3.6.1.5.5.7.3.4": "emailProtection", "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning",
	"2.23.133.8.1": "tcg-kp-EKCertificate", "2.23.133.8.2": "tcg-kp-PlatformAttributeCertificate", "2.23.133.8.3": "tcg-kp-AIKCertificate",
}

func extKeyUsageNode(value []byte) *node {
	var ids []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(value, &ids); err != nil || len(rest) > 0 {
		return nil
	}
	n := &node{value: emptyList, parts: []*node{}}
	for i, id := range ids {
		n.add(namedLeaf(fmt.Sprintf("[%d]", i), id, purposes))
	}
	return n
}

// authorityKeyNode is RFC 5280 §4.2.1.1.
func authorityKeyNode(value []byte) *node {
	all, ok := elements(value)
	if !ok {
		return nil
	}
	n := &node{value: emptyMap, parts: []*node{}}
	names := []string{"keyIdentifier", "authorityCertIssuer", "authorityCertSerialNumber"}
	for _, v := range all {
		if v.Class != asn1.ClassContextSpecific || v.Tag >= len(names) {
			return nil
		}
		n.add(bytesLeaf(names[v.Tag], v.Bytes))
	}
	return n
}

// generalNames are the kinds of names, by tag (RFC 5280 §4.2.1.6).
var generalNames = []string{
	"otherName", "rfc822Name", "dNSName", "x400Address", "directoryName", "ediPartyName", "uniformResourceIdentifier", "iPAddress", "registeredID",
}

func generalNamesNode(value []byte) *node {
	all, ok := elements(value)
	if !ok {
		return nil
	}
	n := &node{value: emptyMap, parts: []*node{}}
	for _, v := range all {
		if v.Class != asn1.ClassContextSpecific || v.Tag >= len(generalNames) {
			return nil
		}
		part := bytesLeaf(generalNames[v.Tag], v.Bytes)
		switch part.name {
		case "rfc822Name", "dNSName", "uniformResourceIdentifier":
			part.value = strconv.Quote(string(v.Bytes))
		case "iPAddress":
			if ip, ok := netip.AddrFromSlice(v.Bytes); ok {
				part.value = ip.String()
			}
		case "directoryName":
			part.replace(directoryNode(v.Bytes))
		}
		n.add(part)
	}
	return n
}

// attributeNames are those of directory names, TCG's among them.
var attributeNames = map[string]string{
	"2.5.4.3": "commonName", "2.5.4.5": "serialNumber", "2.5.4.6": "countryName", "2.5.4.7": "localityName", "2.5.4.8": "stateOrProvinceName",
	"2.5.4.10": "organizationName", "2.5.4.11": "organizationalUnitName",
	"2.23.133.2.1": tpmManufacturer, "2.23.133.2.2": "tpmModel", "2.23.133.2.3": "tpmVersion",
}

const tpmManufacturer = "tpmManufacturer"

// relativeNameSET has its name for encoding/asn1.
type relativeNameSET []struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// directoryNode takes a Name apart (RFC 5280 §4.1.2.4); nil where it is none.
func directoryNode(der []byte) *node {
	var sequence []relativeNameSET
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) > 0 {
		return nil
	}
	n := &node{value: emptyMap, parts: []*node{}}
	for _, set := range sequence {
		for _, a := range set {
			part := namedLeaf(a.Type.String(), a.Type, attributeNames)
			if part.note != "" {
				part.name, part.note = part.note, ""
			}
			part.raw, part.value = a.Value.FullBytes, hexed(a.Value.FullBytes)
			var text string
			if rest, err := asn1.Unmarshal(a.Value.FullBytes, &text); err == nil && len(rest) == 0 {
				part.value = strconv.Quote(text)
			}
			if part.name == tpmManufacturer {
				part.note = vendor(text)
			}
			n.add(part)
		}
	}
	return n
}

// vendor is a TPM's manufacturer in letters: TCG's registry has four, in hexadecimal
// behind "id:". It is empty where there are none.
func vendor(id string) string {
	digits, _ := strings.CutPrefix(id, "id:")
	b, err := hex.DecodeString(digits)
	if err != nil {
		return ""
	}
	letters := strings.TrimRight(string(b), "\x00 ")
	if strings.ContainsFunc(letters, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return letters
}

// appleNonceNode is WebAuthn §8.8: the nonce within [1] within a SEQUENCE.
func appleNonceNode(value []byte) *node {
	all, ok := elements(value)
	if !ok || len(all) != 1 || all[0].Class != asn1.ClassContextSpecific || all[0].Tag != 1 {
		return nil
	}
	return octetsNode(all[0].Bytes)
}
