package rptest

import (
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// attestationCases spoil attestation statements (WebAuthn §7.1 steps 21 to 24, §8).
func attestationCases() []Case {
	return slices.Concat(
		formatCases(),
		packedSelfCases(),
		packedCases(),
		packedCertificateCases(),
		u2fCases(),
		tpmCases(),
		androidKeyCases(),
		appleCases(),
		compoundCases(),
		trustCases(),
	)
}

const (
	statement = "attestationObject.attStmt"
	leafField = statement + ".x5c[0]"
)

// unvouched is at stake with every statement that is not verified.
const unvouched = "what the statement says of the device can be made up by anybody"

// formatCases are about the format as such (§7.1 steps 21 and 22, §8.7).
func formatCases() []Case {
	const format = "attestationObject.fmt"
	return []Case{
		{ID: "register.attestation.format.unknown", Anchor: "§7.1 step 21", Sev: Medium, Field: format,
			Needs:  []Need{NeedNoAttestation},
			Recipe: "the format is one that nobody registered",
			Why:    "what cannot be verified must not count as verified",
			Edits:  edits(spoilt("fmt.unknown"))},
		{ID: "register.attestation.format.case", Anchor: "§7.1 step 21", Sev: Medium, Field: format,
			Needs:  []Need{NeedNoAttestation},
			Device: DeviceConfig{Attestation: attest.None},
			Recipe: "the format is None, with a capital",
			Why:    "formats are compared exactly: two parts of the site may take two different ones",
			Edits:  edits(spoilt("fmt.case"))},
		{ID: "register.attestation.format.long", Anchor: "§7.1 step 21", Sev: Medium, Field: format,
			Needs:  []Need{NeedNoAttestation},
			Recipe: "the format's name has 36 characters",
			Why:    "names end at 32: longer ones are nobody's",
			Edits:  edits(spoilt("fmt.long"))},
		{ID: "register.attestation.none.member", Anchor: "§8.7", Sev: Medium, Field: statement,
			Needs:  []Need{NeedNoAttestation},
			Device: DeviceConfig{Attestation: attest.None},
			Recipe: "the statement of the format none has a member",
			Why:    "a statement that is not looked at may be believed later",
			Edits:  edits(spoilt("none.member"))},
		attested(attest.Packed, "fmt.none", Case{ID: "register.attestation.none.relabelled", Anchor: "§8.7", Sev: Medium, Field: format,
			Recipe: "a packed statement is called none",
			Why:    "its certificates may be believed though nothing verified them"}),
		{ID: "register.attestation.none.aaguid", Anchor: "§8.7", Want: MustAccept, Sev: Medium,
			Field:  "attestationObject.authData.aaguid",
			Needs:  []Need{NeedNoAttestation},
			Device: DeviceConfig{Attestation: attest.None, AAGUID: &ctap.AAGUID{}},
			Recipe: "the format is none, and the AAGUID is not zero",
			Why:    "browsers leave the AAGUID of passkeys in place, so that sites can show whose they are",
			Edits: edits(ceremony.AAGUID(func(ctap.AAGUID) ctap.AAGUID {
				return ctap.AAGUID{0xa5, 0x27, 0x16, 0x0c, 0x4b, 0x3e, 0x4d, 0x18, 0x8f, 0x02, 0x71, 0x5c, 0x29, 0xd6, 0x40, 0x1b}
			}))},
		{ID: "register.attestation.android-safetynet.any", Anchor: "§7.1 step 22", Sev: Medium,
			NotRun: "the service behind the format was shut down and the format withdrawn: no honest statement can be made any more",
			Recipe: "nonce, ctsProfileMatch, timestamp or ver of an android-safetynet statement are wrong",
			Why:    "sites should refuse the format altogether"},
	}
}

// attested completes a case whose fault is one that package attest names, of a
// device that attests in a format.
func attested(f attest.Format, fault string, c Case) Case {
	c.Device = attesting(f)
	if c.Needs == nil {
		c.Needs = []Need{NeedAttestation, NeedES256}
	}
	if fault != "" {
		c.Edits = append(edits(spoilt(fault)), c.Edits...)
	}
	return c
}

// spoilt spoils the statement by a fault that has a name.
func spoilt(fault string) ceremony.Edit {
	return ceremony.Edit{Stage: ceremony.Statement, Apply: func(c *ceremony.Ceremony) error {
		f, ok := attest.FaultNamed(fault)
		if !ok {
			return fmt.Errorf("no attestation fault is named %q", fault)
		}
		c.Attestation = append(c.Attestation, f.Edit)
		return nil
	}}
}

// packedSelfCases spoil statements that the credential's own key signed (§8.2).
func packedSelfCases() []Case {
	const sig = statement + ".sig"
	odd := "a signature that is no signature must not verify, and not crash either"
	self := func(fault string, c Case) Case {
		c.ID = "register.attestation.packed-self." + c.ID
		return attested(attest.PackedSelf, fault, c)
	}
	return at("§8.2", []Case{
		self("sig.other-key", Case{ID: "other-key", Sev: Medium, Field: sig,
			Recipe: "another key than the credential's signed",
			Why:    "nobody proved to have the key: anybody's public key can be registered"}),
		self("sig.other-hash", Case{ID: "other-hash", Sev: Medium, Field: sig,
			Recipe: "the credential's key signed over other client data",
			Why:    "a statement could be taken from another registration"}),
		self("alg.other", Case{ID: "alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is RS256, and the credential's key is ES256's",
			Why:    "whoever verifies by what the statement says verifies by the attacker's choice"}),
		self("alg.missing", Case{ID: "no-alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is missing",
			Why:    "what is not there must be missed, not guessed"}),
		self("sig.missing", Case{ID: "no-sig", Sev: Medium, Field: sig,
			Recipe: "sig is missing",
			Why:    "without a signature nothing is proven"}),
		self("sig.empty", Case{ID: "empty-sig", Sev: Medium, Field: sig,
			Recipe: "the signature is empty", Why: odd}),
		self("sig.zero", Case{ID: "zero-sig", Sev: Medium, Field: sig,
			Recipe:     "r and s of the signature are 0",
			Why:        "a verifier that does not check their range takes it for every message",
			References: []string{"CVE-2022-21449"}}),
		self("sig.order", Case{ID: "order-sig", Sev: Medium, Field: sig,
			Recipe:     "r and s of the signature are the group's order, which is 0 in it",
			Why:        "a verifier that does not check their range takes it for every message",
			References: []string{"CVE-2022-21449"}}),
		self("sig.trailing", Case{ID: "trailing-sig", Sev: Low, Field: sig,
			Recipe: "a byte follows the signature", Why: odd}),
		self("sig.high-s", Case{ID: "high-s", Want: MustAccept, Sev: Medium, Field: sig,
			Recipe: "s of the signature is in the upper half",
			Why:    "it is valid: half of all devices' signatures are so"}),
		self("member.unknown", Case{ID: "unknown-member", Want: Policy, Sev: Low, Field: statement + ".unknown",
			Recipe: "the statement has a member that nobody knows",
			Why:    "the format has three members; to take more is harmless where they are not used"}),
		self("member.ecdaa", Case{ID: "ecdaa", Want: Policy, Sev: Low, Field: statement + ".ecdaaKeyId",
			Recipe: "the statement has ecdaaKeyId, of a method that was withdrawn",
			Why:    "the format has three members; to take more is harmless where they are not used"}),
		self("x5c.bytes.self", Case{ID: "x5c-bytes", Sev: High, Field: statement + ".x5c",
			Recipe: "x5c is a byte string, and the credential's key signed",
			Why:    "a statement with x5c that counts as self attestation goes around every check of certificates"}),
		self("", Case{ID: "x5c-empty", Sev: High, Field: statement + ".x5c",
			Recipe: "x5c is an empty list, and the credential's key signed",
			Why:    "a statement with x5c that counts as self attestation goes around every check of certificates",
			Edits: edits(ceremony.Attest(attest.Edit{Members: func(m map[string]any) {
				m["x5c"] = []any{}
			}}))}),
	})
}

// packedCases spoil statements that a certificate's key signed (§8.2), but for
// the certificate.
func packedCases() []Case {
	const sig, x5c = statement + ".sig", statement + ".x5c"
	basic := func(fault string, c Case) Case {
		c.ID = "register.attestation.packed." + c.ID
		return attested(attest.Packed, fault, c)
	}
	return at("§8.2", []Case{
		basic("sig.credential-key", Case{ID: "credential-key", Sev: High, Field: sig,
			Recipe: "there are certificates, but the credential's key signed",
			Why:    "a certificate is public: whoever copies one has the device of anybody's choice"}),
		basic("sig.other-key", Case{ID: "other-key", Sev: High, Field: sig,
			Recipe: "another key than the certificate's signed", Why: unvouched}),
		basic("", Case{ID: "junk-first", Sev: Medium, Field: x5c,
			Recipe: "x5c has something before the certificate that is none",
			Why:    "whoever leaves out what cannot be read verifies another list than the next one does",
			Edits: edits(ceremony.Attest(attest.Edit{Chain: func(c *attest.Chain) {
				c.X5C = slices.Insert(c.X5C, 0, any(ctap.Bytes("not a certificate")))
			}}))}),
		basic("", Case{ID: "junk-last", Sev: Medium, Field: x5c,
			Recipe: "x5c has something after the certificates that is none",
			Why:    "whoever leaves out what cannot be read verifies another list than the next one does",
			Edits: edits(ceremony.Attest(attest.Edit{Chain: func(c *attest.Chain) {
				c.X5C = append(c.X5C, ctap.Bytes("not a certificate"))
			}}))}),
		basic("x5c.empty", Case{ID: "x5c-empty", Sev: High, Field: x5c,
			Recipe: "x5c is an empty list", Why: unvouched}),
		basic("x5c.bytes", Case{ID: "x5c-bytes", Sev: High, Field: x5c,
			Recipe: "x5c is the certificate itself, and no list", Why: unvouched}),
		basic("alg.eddsa", Case{ID: "alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is EdDSA, and the certificate's key is one for ES256",
			Why:    "whoever verifies by what the statement says verifies by the attacker's choice"}),
		basic("sig.high-s", Case{ID: "high-s", Want: MustAccept, Sev: Medium, Field: sig,
			Recipe: "s of the signature is in the upper half",
			Why:    "it is valid: half of all devices' signatures are so"}),
	})
}

// packedCertificateCases spoil the attestation certificate (§8.2.1).
func packedCertificateCases() []Case {
	const (
		subject    = leafField + ".subject"
		extensions = leafField + ".extensions"
	)
	profile := "the standard has a profile so that no other certificate of the maker can attest"
	certificate := func(fault string, c Case) Case {
		c.ID = "register.attestation.packed." + c.ID
		return attested(attest.Packed, fault, c)
	}
	return at("§8.2.1", []Case{
		certificate("leaf.ca", Case{ID: "leaf-ca", Sev: Medium, Field: extensions + ".basicConstraints",
			Recipe: "the certificate says that it is a CA's",
			Why:    "a CA's key that attests devices can make devices"}),
		certificate("leaf.no-constraints", Case{ID: "leaf-no-constraints", Sev: Low, Field: extensions + ".basicConstraints",
			Recipe: "the certificate has no basic constraints", Why: profile}),
		certificate("leaf.unit", Case{ID: "leaf-unit", Sev: Medium, Field: subject,
			Recipe: "the subject's OU is not Authenticator Attestation", Why: profile}),
		certificate("leaf.no-unit", Case{ID: "leaf-no-unit", Sev: Medium, Field: subject,
			Recipe: "the subject has no OU", Why: profile}),
		certificate("leaf.no-country", Case{ID: "leaf-no-country", Sev: Medium, Field: subject,
			Recipe: "the subject has no C", Why: profile}),
		certificate("leaf.no-organization", Case{ID: "leaf-no-organization", Sev: Medium, Field: subject,
			Recipe: "the subject has no O", Why: profile}),
		certificate("leaf.no-common-name", Case{ID: "leaf-no-common-name", Sev: Medium, Field: subject,
			Recipe: "the subject has no CN", Why: profile}),
		certificate("leaf.v1", Case{ID: "leaf-v1", Sev: Medium, Field: leafField,
			Recipe: "the certificate is of X.509 version 1, which has no extensions", Why: profile}),
		certificate("leaf.country", Case{ID: "leaf-country", Want: Policy, Sev: Low, Field: subject,
			Recipe: "the subject's C is ZZ, which is no country's",
			Why:    "ISO 3166 leaves it to users; known libraries do not look"}),
		certificate("leaf.aaguid", Case{ID: "leaf-aaguid", Sev: High, Field: extensions + ".aaguid",
			Recipe: "the certificate's AAGUID is another one than the authenticator data's",
			Why:    "one model's certificate would do for every other, a revoked one's for a good one"}),
		certificate("leaf.aaguid.critical", Case{ID: "leaf-aaguid-critical", Sev: Low, Field: extensions + ".aaguid",
			Recipe: "the AAGUID's extension is critical", Why: profile}),
		certificate("leaf.aaguid.once", Case{ID: "leaf-aaguid-once", Sev: Medium, Field: extensions + ".aaguid",
			Recipe: "the AAGUID is wrapped in one OCTET STRING, not two",
			Why:    "whoever takes both forms may be made to read something else"}),
	})
}
