package explain

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// flagBits are authenticator data's flags, the lowest first (WebAuthn §6.1).
var flagBits = []struct{ name, note string }{
	{"UP", "user present"}, {"RFU1", "reserved"}, {"UV", "user verified"}, {"BE", "backup eligible"},
	{"BS", "backed up"}, {"RFU2", "reserved"}, {"AT", "attested credential data"}, {"ED", "extension data"},
}

const (
	authDataFixed = 37
	attestedFixed = 18 // AAGUID and length
)

// authDataNode takes authenticator data apart. Data that a flag should have
// announced are found all the same.
func authDataNode(name string, data []byte) *node {
	n := &node{name: name, raw: data, value: hexed(data)}
	if len(data) < authDataFixed {
		n.note = fmt.Sprintf("%d bytes, too short", len(data))
		return n
	}
	n.add(bytesLeaf("rpIdHash", data[:32]), flagsNode(data[32]),
		leaf("signCount", strconv.FormatUint(uint64(binary.BigEndian.Uint32(data[33:37])), 10)))
	rest := data[authDataFixed:]
	if credential, after, ok := attestedParts(rest); ok {
		n.add(credential...)
		rest = after
	}
	if len(rest) > 0 && rest[0]>>5 == ceremony.MajorMap {
		if item, after, err := ceremony.CutItem(rest); err == nil {
			n.add(cborNode("extensions", item))
			rest = after
		}
	}
	if len(rest) > 0 {
		n.add(bytesLeaf("trailing", rest))
	}
	return n
}

func flagsNode(b byte) *node {
	n := &node{name: "flags", raw: []byte{b}, note: fmt.Sprintf("%#02x", b)}
	for i, f := range flagBits {
		bit := leaf(f.name, strconv.Itoa(int(b>>i&1)))
		bit.note = f.note
		n.add(bit)
	}
	return n
}

// attestedParts takes attested credential data apart (WebAuthn §6.5.1). They are
// such where a key stands behind the ID.
func attestedParts(data []byte) (parts []*node, rest []byte, ok bool) {
	if len(data) < attestedFixed {
		return nil, data, false
	}
	length := int(binary.BigEndian.Uint16(data[16:18]))
	if len(data) < attestedFixed+length {
		return nil, data, false
	}
	id, rest := data[attestedFixed:attestedFixed+length], data[attestedFixed+length:]
	key, rest, err := ceremony.CutItem(rest)
	if err != nil || key[0]>>5 != ceremony.MajorMap {
		return nil, data, false
	}
	aaguid := leaf("aaguid", ctap.AAGUID(data[:16]).String())
	return []*node{aaguid, bytesLeaf("credentialId", id), keyNode("credentialPublicKey", key)}, rest, true
}

// Names of COSE_Key's labels, by key type (RFC 9052 §7, RFC 9053 §7).
var (
	keyLabels = map[string]string{"1": "kty", "2": "kid", "3": "alg", "4": "key_ops"}
	ecLabels  = map[string]string{"-1": "crv", "-2": "x", "-3": "y", "-4": "d"}
	rsaLabels = map[string]string{"-1": "n", "-2": "e", "-3": "d"}
	keyTypes  = map[string]string{"1": "OKP", "2": "EC2", "3": "RSA"}
	keyCurves = map[string]string{"1": "P-256", "2": "P-384", "3": "P-521", "6": "Ed25519", "7": "Ed448", "8": "secp256k1"}
)

const rsaType = "3"

func keyNode(name string, item []byte) *node {
	n := cborNode(name, item)
	labels := ecLabels
	if kty := n.part("1"); kty != nil && kty.value == rsaType {
		labels = rsaLabels
	}
	for _, p := range n.parts {
		if known, ok := keyLabels[p.name]; ok {
			p.name = known
		} else if known, ok := labels[p.name]; ok {
			p.name = known
		}
		switch p.name {
		case "kty":
			p.note = keyTypes[p.value]
		case "alg":
			p.note = algName(p.value)
		case "crv":
			p.note = keyCurves[p.value]
		}
	}
	return n
}

// algName is what a COSE algorithm is called; "" where it has no name here.
func algName(value string) string {
	i, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return ""
	}
	return algorithmNames[i]
}

// algorithmNames are those that sites offer (IANA COSE Algorithms).
var algorithmNames = map[int64]string{
	-7: "ES256", -8: "EdDSA", -9: "ESP256", -19: "Ed25519", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512",
	-47: "ES256K", -48: "ML-DSA-44", -49: "ML-DSA-65", -50: "ML-DSA-87", -51: "ESP384", -52: "ESP512", -53: "Ed448",
	-257: "RS256", -258: "RS384", -259: "RS512", -65535: "RS1",
}
