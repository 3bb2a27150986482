package explain

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// objectNode takes an attestation object apart (WebAuthn §6.5.4).
func objectNode(name string, data []byte) *node {
	item, rest, err := ceremony.CutItem(data)
	if err != nil {
		return partial(name, data)
	}
	n := cborNode(name, item)
	n.raw = data
	if len(rest) > 0 {
		n.add(bytesLeaf("trailing", rest))
	}
	n.statementParts()
	return n
}

// partial takes the pairs of a map apart that are well-formed.
func partial(name string, data []byte) *node {
	n := &node{name: name, raw: data, value: hexed(data), note: "not CBOR"}
	h, rest, ok := ceremony.CutHead(data)
	if !ok || h.Major != ceremony.MajorMap || h.Indefinite {
		return n
	}
	for range h.Count {
		key, after, err := ceremony.CutItem(rest)
		if err != nil {
			break
		}
		value, after2, err := ceremony.CutItem(after)
		if err != nil {
			n.add(bytesLeaf(keyName(key), after))
			break
		}
		n.add(cborNode(keyName(key), value))
		rest = after2
	}
	n.statementParts()
	return n
}

// statementParts takes authData and attStmt apart, also those within compound.
func (n *node) statementParts() {
	if data, ok := n.part("authData").byteString(); ok {
		n.part("authData").replace(authDataNode("authData", data))
	}
	statement := n.part("attStmt")
	if statement == nil {
		return
	}
	for _, p := range statement.parts {
		switch p.name {
		case "alg":
			p.note = algName(p.value)
		case "x5c":
			for _, c := range p.parts {
				if der, ok := c.byteString(); ok {
					c.replace(certificateNode(der))
				}
			}
		case "certInfo":
			if b, ok := p.byteString(); ok {
				p.replace(certInfoNode(b))
			}
		case "pubArea":
			if b, ok := p.byteString(); ok {
				p.replace(pubAreaNode(b))
			}
		default:
			p.statementParts() // a statement of compound
		}
	}
}

// extensionNames are those of attestation certificates.
var extensionNames = map[string]string{
	"2.5.29.14": "subjectKeyIdentifier", "2.5.29.15": "keyUsage", "2.5.29.17": "subjectAltName", "2.5.29.19": "basicConstraints",
	"2.5.29.35": "authorityKeyIdentifier", "2.5.29.37": "extKeyUsage",
	"1.3.6.1.4.1.45724.1.1.4": "aaguid", "1.2.840.113635.100.8.2": "appleNonce", "1.3.6.1.4.1.11129.2.1.17": "keyDescription",
}

// certificateNode takes a certificate apart; nil where it is none.
func certificateNode(der []byte) *node {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	n := &node{raw: der}
	n.add(leaf("version", strconv.Itoa(c.Version)), leaf("serialNumber", c.SerialNumber.String()),
		rawLeaf("issuer", c.Issuer.String(), c.RawIssuer),
		leaf("notBefore", c.NotBefore.Format(time.DateOnly)), leaf("notAfter", c.NotAfter.Format(time.DateOnly)),
		rawLeaf("subject", c.Subject.String(), c.RawSubject),
		bytesLeaf("publicKey", c.RawSubjectPublicKeyInfo), extensionsNode(c.Extensions),
		leaf("signatureAlgorithm", c.SignatureAlgorithm.String()), bytesLeaf("signature", c.Signature))
	return n
}

func rawLeaf(name, value string, raw []byte) *node { return &node{name: name, raw: raw, value: value} }

func extensionsNode(list []pkix.Extension) *node {
	n := &node{name: "extensions", value: emptyMap, parts: []*node{}}
	for _, e := range list {
		name := extensionNames[e.Id.String()]
		if name == "" {
			name = e.Id.String()
		}
		value := hexed(e.Value)
		if e.Critical {
			value += " critical"
		}
		n.raw = append(n.raw, name+value...)
		n.add(leaf(name, value))
	}
	return n
}

// reader takes a TPM's structures apart: big-endian, and byte strings behind
// their length in two bytes.
type reader struct {
	data []byte
	n    *node
	bad  bool
}

func (r *reader) take(size int) []byte {
	if size > len(r.data) {
		r.bad = true
		return make([]byte, size)
	}
	b := r.data[:size]
	r.data = r.data[size:]
	return b
}

func (r *reader) fixed(name string, size int) []byte {
	b := r.take(size)
	r.n.add(bytesLeaf(name, b))
	return b
}

func (r *reader) sized(name string) {
	r.n.add(bytesLeaf(name, r.take(int(binary.BigEndian.Uint16(r.take(2))))))
}

// done gives the structure; nil where it was none.
func (r *reader) done() *node {
	if r.bad {
		return nil
	}
	if len(r.data) > 0 {
		r.n.add(bytesLeaf("trailing", r.data))
	}
	return r.n
}

// certInfoNode takes a TPMS_ATTEST apart (TPM 2.0 Part 2, §10.12.12); nil where it
// is none of a certified key.
func certInfoNode(b []byte) *node {
	r := &reader{data: b, n: &node{raw: b}}
	r.fixed("magic", 4)
	r.fixed("type", 2)
	r.sized("qualifiedSigner")
	r.sized("extraData")
	r.fixed("clockInfo", 17)
	r.fixed("firmwareVersion", 8)
	r.sized("name")
	r.sized("qualifiedName")
	return r.done()
}

const (
	tpmRSA = 0x0001
	tpmECC = 0x0023
)

// pubAreaNode takes a TPMT_PUBLIC apart (TPM 2.0 Part 2, §12.2.4); nil where it is
// none of a signing key.
func pubAreaNode(b []byte) *node {
	r := &reader{data: b, n: &node{raw: b}}
	kind := binary.BigEndian.Uint16(r.fixed("type", 2))
	r.fixed("nameAlg", 2)
	r.fixed("objectAttributes", 4)
	r.sized("authPolicy")
	r.fixed("symmetric", 2)
	r.fixed("scheme", 2)
	switch kind {
	case tpmRSA:
		r.fixed("keyBits", 2)
		r.fixed("exponent", 4)
		r.sized("n")
	case tpmECC:
		r.fixed("curve", 2)
		r.fixed("kdf", 2)
		r.sized("x")
		r.sized("y")
	default:
		return nil
	}
	if n := r.done(); n != nil {
		n.note = fmt.Sprintf("a key of %d bytes", len(b))
		return n
	}
	return nil
}
