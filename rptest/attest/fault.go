package attest

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// Fault is an edit with a name.
type Fault struct {
	Name    string   // stable
	Text    string   // what is wrong, in words
	Formats []Format // that the edit applies to
	Edit    Edit
}

// Faults lists all named edits. Some make what a relying party may well accept, or
// must: what to expect is for the caller to say.
func Faults() []Fault {
	return slices.Concat(statementFaults, signatureFaults, certificateFaults, chainFaults, tpmFaults, androidKeyFaults, appleFaults, compoundFaults)
}

// FaultNamed finds a named edit.
func FaultNamed(name string) (Fault, bool) {
	all := Faults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return all[i], true
}

var (
	anyPacked = []Format{PackedSelf, Packed, PackedDirect}
	packedX5C = []Format{Packed, PackedDirect}
	signed    = []Format{PackedSelf, Packed, PackedDirect, FIDOU2F, TPM, AndroidKey}
	certified = []Format{Packed, PackedDirect, FIDOU2F, TPM, AndroidKey, Apple}
	chained   = []Format{Packed, TPM, AndroidKey, Apple}
	rootless  = []Format{Packed, TPM, Apple}
)

func called(name string) Edit { return Edit{Format: func(s *string) { *s = name }} }

func member(name string, value any) Edit {
	return Edit{Members: func(m map[string]any) { m[name] = value }}
}

func without(name string) Edit {
	return Edit{Members: func(m map[string]any) { delete(m, name) }}
}

// first puts another element in x5c's first place.
func first(element any) Edit {
	return Edit{Chain: func(c *Chain) { c.X5C = slices.Replace(c.X5C, 0, min(1, len(c.X5C)), element) }}
}

func otherAlg(m map[string]any) {
	if m["alg"] == ctap.RS256 {
		m["alg"] = ctap.ES256
		return
	}
	m["alg"] = ctap.RS256
}

var statementFaults = []Fault{
	{"fmt.unknown", "fmt names a format that is not registered", Formats(), called("unknown")},
	{"fmt.case", "fmt is None, with a capital", []Format{None}, called("None")},
	{"fmt.long", "fmt has more than 32 characters", Formats(), called(strings.Repeat("packed", 6))},
	{"fmt.none", "a statement of another format is called none", certified, called(ctap.FormatNone)},
	{"none.member", "the none format's statement is not empty", []Format{None}, member("x", true)},
	{"alg.other", "alg is RS256 with a key and signature of another algorithm; ES256 with one of RS256", []Format{PackedSelf, Packed, PackedDirect, TPM, AndroidKey}, Edit{Members: otherAlg}},
	{"alg.eddsa", "alg is EdDSA with a signature by an ECDSA key", packedX5C, member("alg", ctap.EdDSA)},
	{"alg.missing", "alg is missing", []Format{PackedSelf, Packed, PackedDirect, TPM, AndroidKey}, without("alg")},
	{"sig.missing", "sig is missing", signed, without("sig")},
	{"member.unknown", "the statement has a member that no format has", anyPacked, member("unknown", true)},
	{"member.ecdaa", "the statement has ecdaaKeyId, of a method that is withdrawn", anyPacked, member("ecdaaKeyId", ctap.Bytes{1, 2, 3, 4})},
	{"x5c.missing", "x5c is missing", certified, without("x5c")},
	{"x5c.empty", "x5c is an empty array", certified, member("x5c", []any{})},
	{"x5c.bytes", "x5c is the leaf certificate itself, not an array", certified, Edit{Members: func(m map[string]any) {
		if x5c, ok := m["x5c"].([]any); ok && len(x5c) > 0 {
			m["x5c"] = x5c[0]
		}
	}}},
	{"x5c.bytes.self", "x5c is a byte string beside a signature by the credential's own key", []Format{PackedSelf}, member("x5c", ctap.Bytes{0x30, 0x00})},
	{"x5c.junk", "x5c's first element is no certificate", certified, first(ctap.Bytes("not a certificate"))},
	{"x5c.number", "x5c's first element is a number", certified, first(1)},
	{"x5c.two", "x5c of fido-u2f has two certificates", []Format{FIDOU2F}, Edit{Chain: func(c *Chain) { c.X5C = append(c.X5C, ctap.Bytes(c.Root)) }}},
	{"tpm.ver", "ver is 1.2", []Format{TPM}, member("ver", "1.2")},
	{"tpm.pubArea.sized", "pubArea is a TPM2B_PUBLIC, with its length in front", []Format{TPM}, Edit{Members: func(m map[string]any) {
		if public, ok := m["pubArea"].(ctap.Bytes); ok {
			m["pubArea"] = ctap.Bytes(append2B(nil, public))
		}
	}}},
}

func signing(f func(*Signing)) Edit { return Edit{Signing: f} }

func signature(f func(*Signature)) Edit { return Edit{Signature: f} }

var signatureFaults = []Fault{
	{"sig.other-key", "another key of the same kind has signed", signed, signing((*Signing).ByOther)},
	{"sig.other-hash", "another client data hash was signed", []Format{PackedSelf, Packed, PackedDirect, FIDOU2F, AndroidKey}, signing((*Signing).OverOtherHash)},
	{"sig.credential-key", "x5c is there, but the credential's key has signed", []Format{Packed, PackedDirect, FIDOU2F, TPM}, signing((*Signing).ByCredential)},
	{"sig.u2f.without-zero", "what is signed lacks its first byte, which is 0", []Format{FIDOU2F}, signing(func(s *Signing) { s.Message = bytes.TrimPrefix(s.Message, []byte{0}) })},
	{"sig.empty", "sig is empty", signed, signature(func(s *Signature) { s.Bytes = []byte{} })},
	{"sig.zero", "r and s are 0", signed, signature((*Signature).Zero)},
	{"sig.order", "r and s are the group's order", signed, signature((*Signature).Order)},
	{"sig.trailing", "a byte follows the signature", signed, signature(func(s *Signature) { s.Bytes = append(s.Bytes, 0) })},
	{"sig.high-s", "s is in the upper half, which is valid", signed, signature((*Signature).High)},
}

func leaf(f func(*Certificate)) Edit { return Edit{Leaf: f} }

func leafExtension(id asn1.ObjectIdentifier, critical bool, value []byte) Edit {
	return leaf(func(c *Certificate) { c.SetExtension(id, critical, value) })
}

func leafWithout(id asn1.ObjectIdentifier) Edit {
	return leaf(func(c *Certificate) { c.RemoveExtension(id) })
}

// attribute gives an attribute of the subject another value; empty removes it.
func attribute(id asn1.ObjectIdentifier, value string) Edit {
	return leaf(func(c *Certificate) {
		c.Subject = slices.DeleteFunc(slices.Clone(c.Subject), func(a Attribute) bool { return value == "" && a.ID.Equal(id) })
		for i := range c.Subject {
			if c.Subject[i].ID.Equal(id) {
				c.Subject[i].Value = value
			}
		}
	})
}

var certificateFaults = []Fault{
	{"leaf.ca", "the leaf says that it is a CA", certified, leafExtension(oidBasicConstraints, true, isCA)},
	{"leaf.no-constraints", "the leaf has no basic constraints", certified, leafWithout(oidBasicConstraints)},
	{"leaf.unit", "the subject's OU is not Authenticator Attestation", packedX5C, attribute(oidUnit, "Attestation")},
	{"leaf.no-unit", "the subject has no OU", packedX5C, attribute(oidUnit, "")},
	{"leaf.no-country", "the subject has no C", packedX5C, attribute(oidCountry, "")},
	{"leaf.country", "the subject's C is ZZ, which is no country", packedX5C, attribute(oidCountry, "ZZ")},
	{"leaf.no-organization", "the subject has no O", packedX5C, attribute(oidOrganization, "")},
	{"leaf.no-common-name", "the subject has no CN", packedX5C, attribute(oidCommonName, "")},
	{"leaf.v1", "the leaf is of X.509 version 1", packedX5C, leaf(func(c *Certificate) { c.Version = 1 })},
	{"leaf.aaguid", "the leaf's AAGUID is not the authenticator data's", packedX5C, leaf(func(c *Certificate) {
		other := c.d.in.AAGUID
		other[15] ^= 1
		value, err := octets(other[:])
		c.fail(err)
		c.SetExtension(oidAAGUID, false, value)
	})},
	{"leaf.aaguid.critical", "the AAGUID's extension is critical", packedX5C, leaf(func(c *Certificate) {
		if i := c.extension(oidAAGUID); i >= 0 {
			c.Extensions[i].Critical = true
		}
	})},
	{"leaf.aaguid.once", "the AAGUID is wrapped in one OCTET STRING, not two", packedX5C, leaf(func(c *Certificate) {
		c.SetExtension(oidAAGUID, false, c.d.in.AAGUID[:])
	})},
	{"leaf.p384", "the leaf's key is on P-384", []Format{FIDOU2F}, leaf(func(c *Certificate) {
		key, err := c.d.a.key("leaf", elliptic.P384())
		if err != nil {
			c.fail(err)
			return
		}
		c.setKey(key)
	})},
	{"leaf.expired", "the leaf has expired, at least a year ago", certified, leaf((*Certificate).expire)},
	{"leaf.future", "the leaf is not valid yet, for at least a year", certified, leaf(func(c *Certificate) { c.NotBefore = c.year(2) })},
	{"aik.subject", "the attestation key's certificate has a subject", []Format{TPM}, leaf(func(c *Certificate) { c.Subject = Name{{oidCommonName, "Signet test TPM"}} })},
	{"aik.no-usage", "the attestation key's certificate lacks the extended key usage", []Format{TPM}, leafWithout(oidExtKeyUsage)},
	{"aik.no-name", "the attestation key's certificate lacks the TPM's name", []Format{TPM}, leafWithout(oidSubjectAltName)},
	{"android.key", "the leaf holds another key than the credential's, and that one has signed", []Format{AndroidKey}, leaf((*Certificate).OtherKey)},
	{"apple.key", "the leaf holds another key than the credential's", []Format{Apple}, leaf((*Certificate).OtherKey)},
}

var chainFaults = []Fault{
	{"chain.rogue", "the chain leads to another root of the same name", certified, Edit{Rogue: true}},
	{"chain.rogue-included", "the chain leads to another root of the same name, which x5c holds", rootless, Edit{Rogue: true, Chain: withRoot}},
	{"chain.root", "x5c holds the root, too", rootless, Edit{Chain: withRoot}},
	{"chain.short", "the intermediate is missing from x5c", chained, Edit{Chain: func(c *Chain) { c.X5C = slices.Delete(c.X5C, min(1, len(c.X5C)), min(2, len(c.X5C))) }}},
	{"chain.expired", "the intermediate has expired, at least a year ago", chained, Edit{Intermediate: (*Certificate).expire}},
	{"chain.swapped", "the leaf comes last in x5c", chained, Edit{Chain: func(c *Chain) { slices.Reverse(c.X5C) }}},
	{"chain.unordered", "root and intermediate stand in the wrong order", chained, Edit{Chain: func(c *Chain) {
		c.X5C = append(c.X5C[:min(1, len(c.X5C))], ctap.Bytes(c.Root), ctap.Bytes(c.Intermediate))
	}}},
}

func withRoot(c *Chain) { c.X5C = append(c.X5C, ctap.Bytes(c.Root)) }

// year is the start of a year, counted from the device's present one.
func (c *Certificate) year(from int) time.Time {
	return time.Date(c.d.a.now().UTC().Year()+from, 1, 1, 0, 0, 0, 0, time.UTC)
}

func (c *Certificate) expire() { c.NotAfter = c.year(-1) }

// OtherKey puts a key in that is nobody's here, of the credential's kind, and has
// it sign what the leaf's key signs.
func (c *Certificate) OtherKey() {
	key, err := c.d.a.other(c.d.in.Alg)
	if err != nil {
		c.fail(err)
		return
	}
	c.setKey(key)
}

// otherHash is the hash of a hash: as long, and of nothing that is signed here.
func otherHash(hash []byte) []byte {
	other := sha256.Sum256(hash)
	return other[:]
}

func certInfo(f func(*CertInfo)) Edit { return Edit{CertInfo: f} }

var tpmFaults = []Fault{
	{"tpm.magic", "magic is not TPM_GENERATED_VALUE", []Format{TPM}, certInfo(func(c *CertInfo) { c.Magic ^= 1 })},
	{"tpm.type", "type is not TPM_ST_ATTEST_CERTIFY", []Format{TPM}, certInfo(func(c *CertInfo) { c.Type = attestCreation })},
	{"tpm.extraData", "extraData is another hash", []Format{TPM}, certInfo(func(c *CertInfo) { c.ExtraData = otherHash(c.ExtraData) })},
	{"tpm.name", "the certified name is another key's", []Format{TPM}, certInfo(func(c *CertInfo) { c.Name = objectName([]byte("other")) })},
	{"tpm.pubArea.key", "pubArea holds another key, and the name is its", []Format{TPM}, Edit{PubArea: (*PubArea).OtherKey}},
}

func description(f func(*KeyDescription)) Edit { return Edit{Description: f} }

var androidKeyFaults = []Fault{
	{"android.challenge", "attestationChallenge is another hash", []Format{AndroidKey}, description(func(k *KeyDescription) { k.AttestationChallenge = otherHash(k.AttestationChallenge) })},
	{"android.all-applications", "allApplications is in the list that hardware enforces", []Format{AndroidKey}, description(func(k *KeyDescription) { k.HardwareEnforced[TagAllApplications] = nil })},
	{"android.all-applications.software", "allApplications is in the list that software enforces", []Format{AndroidKey}, description(func(k *KeyDescription) { k.SoftwareEnforced[TagAllApplications] = nil })},
	{"android.origin", "the key was imported", []Format{AndroidKey}, description(func(k *KeyDescription) { k.HardwareEnforced[TagOrigin] = OriginImported })},
	{"android.purpose", "the key's purpose is to verify", []Format{AndroidKey}, description(func(k *KeyDescription) { k.HardwareEnforced[TagPurpose] = []int{PurposeVerify} })},
	{"android.software", "purpose and origin are enforced by software only", []Format{AndroidKey}, description(func(k *KeyDescription) {
		for _, tag := range []int{TagPurpose, TagOrigin} {
			k.SoftwareEnforced[tag] = k.HardwareEnforced[tag]
			delete(k.HardwareEnforced, tag)
		}
	})},
	{"android.no-description", "the leaf lacks the key description", []Format{AndroidKey}, leafWithout(oidKeyDescription)},
}

var appleFaults = []Fault{
	{"apple.nonce", "the nonce is another hash", []Format{Apple}, Edit{Nonce: func(n *Nonce) { copy(n[:], otherHash(n[:])) }}},
	{"apple.no-nonce", "the leaf lacks the nonce", []Format{Apple}, leafWithout(oidAppleNonce)},
}

var compoundFaults = []Fault{
	{"compound.one", "there is one statement only", []Format{Compound}, Edit{Compound: func(p *[]Part) { *p = (*p)[:min(1, len(*p))] }}},
	{"compound.nested", "one of the statements is compound", []Format{Compound}, Edit{Compound: nest}},
	{"compound.first", "another key has signed the first statement", []Format{Compound}, Edit{Parts: []Edit{signing((*Signing).ByOther)}}},
	{"compound.second", "another key has signed the second statement", []Format{Compound}, Edit{Parts: []Edit{{}, signing((*Signing).ByOther)}}},
}

// nest puts a compound statement in place of the last.
func nest(parts *[]Part) {
	// Parts are encoded already, so this cannot fail.
	inner, _ := ctap.Marshal(*parts)
	but := (*parts)[:max(0, len(*parts)-1)]
	*parts = append(slices.Clone(but), Part{Fmt: string(Compound), AttStmt: inner})
}
