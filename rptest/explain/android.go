package explain

import (
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"
)

// keyDescriptionFields are those of Android's key description, with the names of
// their values (Android Keystore, key and ID attestation).
var keyDescriptionFields = []struct {
	name   string
	values map[string]string
}{
	{"attestationVersion", nil}, {"attestationSecurityLevel", securityLevels}, {"keymintVersion", nil}, {"keymintSecurityLevel", securityLevels},
	{"attestationChallenge", nil}, {"uniqueId", nil}, {"softwareEnforced", nil}, {"hardwareEnforced", nil},
}

var securityLevels = map[string]string{"0": "Software", "1": "TrustedEnvironment", "2": "StrongBox"}

// authorizations are members of an authorization list, by tag, with the names of
// their values.
var authorizations = map[int]struct {
	name   string
	values map[string]string
}{
	1:   {"purpose", map[string]string{"0": "ENCRYPT", "1": "DECRYPT", "2": "SIGN", "3": "VERIFY", "5": "WRAP_KEY", "6": "AGREE_KEY", "7": "ATTEST_KEY"}},
	2:   {"algorithm", map[string]string{"1": "RSA", "3": "EC", "32": "AES", "33": "TRIPLE_DES", "128": "HMAC"}},
	3:   {"keySize", nil},
	5:   {"digest", map[string]string{"0": "NONE", "1": "MD5", "2": "SHA1", "3": "SHA_2_224", "4": "SHA_2_256", "5": "SHA_2_384", "6": "SHA_2_512"}},
	6:   {"padding", map[string]string{"1": "NONE", "2": "RSA_OAEP", "3": "RSA_PSS", "4": "RSA_PKCS1_1_5_ENCRYPT", "5": "RSA_PKCS1_1_5_SIGN", "64": "PKCS7"}},
	10:  {"ecCurve", map[string]string{"0": "P-224", "1": "P-256", "2": "P-384", "3": "P-521", "4": "Curve25519"}},
	200: {"rsaPublicExponent", nil}, 303: {"rollbackResistance", nil},
	400: {"activeDateTime", nil}, 401: {"originationExpireDateTime", nil}, 402: {"usageExpireDateTime", nil},
	503: {"noAuthRequired", nil}, 504: {"userAuthType", nil}, 505: {"authTimeout", nil}, 506: {"allowWhileOnBody", nil},
	507: {"trustedUserPresenceRequired", nil}, 508: {"trustedConfirmationRequired", nil}, 509: {"unlockedDeviceRequired", nil},
	600: {"allApplications", nil}, 701: {"creationDateTime", nil},
	702: {"origin", map[string]string{"0": "GENERATED", "1": "DERIVED", "2": "IMPORTED", "3": "UNKNOWN", "4": "SECURELY_IMPORTED"}},
	704: {"rootOfTrust", nil}, 705: {"osVersion", nil}, 706: {"osPatchLevel", nil}, 709: {"attestationApplicationId", nil},
	718: {"vendorPatchLevel", nil}, 719: {"bootPatchLevel", nil},
}

// keyDescriptionNode takes a key description apart (WebAuthn §8.4.1); nil where it is
// none. A field of another type than its own is shown as it is.
func keyDescriptionNode(value []byte) *node {
	all, ok := elements(value)
	if !ok || len(all) != len(keyDescriptionFields) {
		return nil
	}
	n := new(node)
	for i, v := range all {
		field := keyDescriptionFields[i]
		part := valueNode(field.name, v, field.values)
		if list, ok := elements(v.FullBytes); ok {
			part.value, part.parts = emptyMap, []*node{}
			for _, a := range list {
				part.add(authorizationNode(a))
			}
		}
		n.add(part)
	}
	return n
}

func authorizationNode(v asn1.RawValue) *node {
	a, ok := authorizations[v.Tag]
	if v.Class != asn1.ClassContextSpecific {
		return bytesLeaf("malformed", v.FullBytes)
	}
	if !ok {
		a.name = strconv.Itoa(v.Tag)
	}
	var inner asn1.RawValue
	if rest, err := asn1.Unmarshal(v.Bytes, &inner); err != nil || len(rest) > 0 {
		n := bytesLeaf(a.name, v.Bytes)
		n.note = "malformed"
		return n
	}
	return valueNode(a.name, inner, a.values)
}

// valueNode is a value of DER in one line: numbers with what they are called.
func valueNode(name string, v asn1.RawValue, names map[string]string) *node {
	n := &node{name: name, raw: v.FullBytes, value: hexed(v.FullBytes)}
	if v.Class != asn1.ClassUniversal {
		return n
	}
	switch v.Tag {
	case asn1.TagInteger, asn1.TagEnum:
		if s, ok := number(v); ok {
			n.value, n.note = s, names[s]
		}
	case asn1.TagOctetString:
		n.value = hexed(v.Bytes)
	case asn1.TagNull:
		n.value = "present"
	case asn1.TagBoolean:
		n.value = strconv.FormatBool(len(v.Bytes) > 0 && v.Bytes[0] != 0)
	case asn1.TagSet:
		if s, note, ok := numbers(v, names); ok {
			n.value, n.note = s, note
		}
	}
	return n
}

// number is an INTEGER or ENUMERATED of up to 8 bytes.
func number(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagInteger && v.Tag != asn1.TagEnum || len(v.Bytes) == 0 || len(v.Bytes) > 8 {
		return "", false
	}
	i := int64(int8(v.Bytes[0]))
	for _, b := range v.Bytes[1:] {
		i = i<<8 | int64(b)
	}
	return strconv.FormatInt(i, 10), true
}

// numbers are a SET OF INTEGER, and what they are called.
func numbers(v asn1.RawValue, names map[string]string) (value, note string, ok bool) {
	var set []asn1.RawValue
	if rest, err := asn1.UnmarshalWithParams(v.FullBytes, &set, "set"); err != nil || len(rest) > 0 {
		return "", "", false
	}
	all, called := []string{}, []string{}
	for _, v := range set {
		s, ok := number(v)
		if !ok {
			return "", "", false
		}
		all = append(all, s)
		if names[s] != "" {
			called = append(called, names[s])
		}
	}
	return fmt.Sprintf("{%s}", strings.Join(all, ", ")), strings.Join(called, ", "), true
}
