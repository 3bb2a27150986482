package explain

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

// isSequence tells whether bytes are one SEQUENCE of DER, to the last byte, and of
// whole elements.
func isSequence(b []byte) bool {
	_, ok := elements(b)
	return ok
}

// elements are those of a SEQUENCE that ends with b.
func elements(b []byte) ([]asn1.RawValue, bool) {
	var all []asn1.RawValue
	rest, err := asn1.Unmarshal(b, &all)
	return all, err == nil && len(rest) == 0
}

// addSequence adds a certificate, public key or signature; of another SEQUENCE it
// says that it is one.
func (n *node) addSequence(der []byte) {
	if c := certificateNode(der); c != nil {
		c.name, n.kind = "certificate", Certificate
		n.add(c)
		return
	}
	if key := publicKeyNode(der); key != nil {
		n.kind = PublicKey
		n.add(key)
		return
	}
	if sig := signatureNode(der); sig != nil {
		n.kind = Signature
		n.add(sig)
		return
	}
	n.kind = DER
	other := bytesLeaf("sequence", der)
	other.note = "DER that is no certificate, public key or signature"
	n.add(other)
}

// maxInteger is the longest INTEGER in a signature of ECDSA, in bytes: 66 of P-521,
// and two more for faults.
const maxInteger = 68

// signatureNode takes a signature of ECDSA apart (RFC 3279 §2.2.3): two INTEGERs;
// nil where it is none.
func signatureNode(der []byte) *node {
	all, ok := elements(der)
	if !ok || len(all) != 2 {
		return nil
	}
	n := &node{name: "signature", raw: der, note: fmt.Sprintf("ECDSA, %d bytes", len(der))}
	for i, name := range []string{"r", "s"} {
		if v := all[i]; v.Class != asn1.ClassUniversal || v.Tag != asn1.TagInteger || len(v.Bytes) > maxInteger {
			return nil
		}
		n.add(bytesLeaf(name, all[i].Bytes))
	}
	return n
}

// Names of keys' algorithms (RFC 3279 §2.3, RFC 8410 §3, RFC 9881 §2) and of curves
// (RFC 5480 §2.1.1.1).
const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidEC  = "1.2.840.10045.2.1"
)

var (
	derAlgorithms = map[string]string{
		oidRSA: "RSA", "1.2.840.113549.1.1.10": "RSASSA-PSS", oidEC: "EC",
		"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
		"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
	}
	derCurves = map[string]string{
		"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521", "1.3.132.0.10": "secp256k1",
	}
)

// publicKeyNode takes a SubjectPublicKeyInfo apart (RFC 5280 §4.1); nil where it is
// none.
func publicKeyNode(der []byte) *node {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil
	}
	n := &node{name: "publicKey", raw: der, note: "SubjectPublicKeyInfo"}
	n.add(namedLeaf("algorithm", info.Algorithm.Algorithm, derAlgorithms))
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err == nil {
		n.add(namedLeaf("curve", curve, derCurves))
	}
	key := info.Key.RightAlign()
	switch half := (len(key) - 1) / 2; info.Algorithm.Algorithm.String() {
	case oidEC:
		if len(key) > 1 && key[0] == 4 && len(key) == 1+2*half { // uncompressed
			n.add(bytesLeaf("x", key[1:1+half]), bytesLeaf("y", key[1+half:]))
			return n
		}
	case oidRSA:
		if all, ok := elements(key); ok && len(all) == 2 {
			n.add(bytesLeaf("n", all[0].Bytes), bytesLeaf("e", all[1].Bytes))
			return n
		}
	}
	n.add(bytesLeaf("key", key))
	return n
}

// namedLeaf is an object identifier, with what it is called.
func namedLeaf(name string, id asn1.ObjectIdentifier, names map[string]string) *node {
	n := leaf(name, id.String())
	n.note = names[n.value]
	return n
}
