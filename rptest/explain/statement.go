package explain

import "github.com/seed-77d61853/signet/rptest/ceremony"

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
					c.replaceBytes(der, certificateNode, "no certificate that can be read")
				}
			}
		case "certInfo":
			if b, ok := p.byteString(); ok {
				p.replaceBytes(b, certInfoNode, "no TPMS_ATTEST of a key")
			}
		case "pubArea":
			if b, ok := p.byteString(); ok {
				p.replaceBytes(b, pubAreaNode, "no TPMT_PUBLIC of a key of RSA or elliptic curves")
			}
		default:
			p.statementParts() // a statement of compound
		}
	}
	noteName(statement)
}

// replaceBytes takes a byte string apart, or notes that it cannot be.
func (n *node) replaceBytes(b []byte, parse func([]byte) *node, otherwise string) {
	by := parse(b)
	if by == nil {
		n.note = otherwise
	}
	n.replace(by)
}
