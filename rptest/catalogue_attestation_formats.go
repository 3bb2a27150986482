package rptest

import (
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// u2fCases spoil statements of keys from before passkeys (§8.6).
func u2fCases() []Case {
	u2f := func(fault string, c Case) Case {
		c.ID = "register.attestation.fido-u2f." + c.ID
		return attested(attest.FIDOU2F, fault, c)
	}
	return at("§8.6", []Case{
		u2f("", Case{ID: "aaguid", Want: Policy, Sev: Medium, Field: "attestationObject.authData.aaguid",
			Recipe: "the AAGUID is not zero",
			Why:    "no U2F key says so, and the statement does not cover it; but the standard's own test vector does",
			Edits: edits(ceremony.AAGUID(func(a ctap.AAGUID) ctap.AAGUID {
				a[0], a[15] = 0x51, 0x9e
				return a
			}))}),
		u2f("x5c.two", Case{ID: "two-certificates", Sev: Medium, Field: statement + ".x5c",
			Recipe: "x5c has two certificates",
			Why:    "the format has one: two parts of the site may take two different ones"}),
		u2f("x5c.empty", Case{ID: "x5c-empty", Sev: Medium, Field: statement + ".x5c",
			Recipe: "x5c is an empty list", Why: unvouched}),
		u2f("leaf.p384", Case{ID: "leaf-p384", Sev: Medium, Field: leafField + ".publicKey",
			Recipe: "the certificate's key is on P-384",
			Why:    "the format has P-256 only; what a verifier does with another curve is anybody's guess"}),
		u2f("sig.u2f.without-zero", Case{ID: "without-zero", Sev: Medium, Field: statement + ".sig",
			Recipe: "what was signed lacks the zero byte that it begins with",
			Why:    "the format says byte by byte what is signed: another message is no statement"}),
		u2f("sig.other-key", Case{ID: "other-key", Sev: Medium, Field: statement + ".sig",
			Recipe: "another key than the certificate's signed", Why: unvouched}),
		u2f("sig.credential-key", Case{ID: "credential-key", Sev: Medium, Field: statement + ".sig",
			Recipe: "the credential's key signed, not the certificate's",
			Why:    "a certificate is public: whoever copies one has the device of anybody's choice"}),
	})
}

// tpmCases spoil statements of a TPM (§8.3).
func tpmCases() []Case {
	const certInfo = statement + ".certInfo"
	chip := "the structure is what proves that the key lives in a chip"
	tpm := func(fault string, c Case) Case {
		c.ID = "register.attestation.tpm." + c.ID
		return attested(attest.TPM, fault, c)
	}
	return at("§8.3", []Case{
		tpm("tpm.magic", Case{ID: "magic", Sev: High, Field: certInfo + ".magic",
			Recipe: "certInfo does not begin with TPM_GENERATED_VALUE",
			Why:    "the value tells what the chip said from what it was asked to sign"}),
		tpm("tpm.type", Case{ID: "type", Sev: High, Field: certInfo + ".type",
			Recipe: "certInfo is not of the type TPM_ST_ATTEST_CERTIFY", Why: chip}),
		tpm("tpm.extraData", Case{ID: "extra-data", Sev: High, Field: certInfo + ".extraData",
			Recipe: "extraData is another hash than that of authenticator data and client data",
			Why:    "a statement could be taken from another registration"}),
		tpm("tpm.name", Case{ID: "name", Sev: High, Field: certInfo + ".name",
			Recipe: "the name in certInfo is another key's than pubArea's", Why: chip}),
		tpm("tpm.pubArea.key", Case{ID: "pub-area-key", Sev: High, Field: statement + ".pubArea",
			Recipe: "pubArea, and the name, are of another key than the credential's",
			Why:    "the chip vouches for one key, and another is registered"}),
		tpm("sig.other-key", Case{ID: "other-key", Sev: High, Field: statement + ".sig",
			Recipe: "another key than the certificate's signed", Why: unvouched}),
		tpm("sig.credential-key", Case{ID: "credential-key", Sev: High, Field: statement + ".sig",
			Recipe: "the credential's key signed, not the certificate's", Why: unvouched}),
		tpm("alg.other", Case{ID: "alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is RS256, and the certificate's key is of an elliptic curve",
			Why:    "whoever verifies by what the statement says verifies by the attacker's choice"}),
		tpm("alg.missing", Case{ID: "no-alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is missing",
			Why:    "what is not there must be missed, not guessed"}),
		tpm("sig.missing", Case{ID: "no-sig", Sev: High, Field: statement + ".sig",
			Recipe: "sig is missing",
			Why:    "without a signature nothing is proven"}),
		tpm("tpm.ver", Case{ID: "ver", Sev: Low, Field: statement + ".ver",
			Recipe: "ver is 1.2",
			Why:    "the structures of TPM 1.2 are others"}),
		tpm("tpm.pubArea.sized", Case{ID: "pub-area-sized", Sev: Low, Field: statement + ".pubArea",
			Recipe: "pubArea has its length in front",
			Why:    "the standard has the structure without: two parsers may read two keys"}),
		tpm("aik.subject", Case{ID: "leaf-subject", Anchor: "§8.3.1", Sev: Medium, Field: leafField + ".subject",
			Recipe: "the certificate has a subject",
			Why:    "the profile has none, so that other certificates of the maker cannot attest"}),
		tpm("aik.no-usage", Case{ID: "leaf-no-usage", Anchor: "§8.3.1", Sev: Medium, Field: leafField + ".extensions.extKeyUsage",
			Recipe: "the certificate is not said to be an attestation key's",
			Why:    "any other certificate of the maker could attest"}),
		tpm("aik.no-name", Case{ID: "leaf-no-name", Anchor: "§8.3.1", Sev: Medium, Field: leafField + ".extensions.subjectAltName",
			Recipe: "the certificate does not name the TPM",
			Why:    "maker and model of the chip are what a policy would be about"}),
		tpm("leaf.ca", Case{ID: "leaf-ca", Anchor: "§8.3.1", Sev: Medium, Field: leafField + ".extensions.basicConstraints",
			Recipe: "the certificate says that it is a CA's",
			Why:    "a CA's key that attests devices can make devices"}),
		tpm("leaf.no-constraints", Case{ID: "leaf-no-constraints", Anchor: "§8.3.1", Sev: Low, Field: leafField + ".extensions.basicConstraints",
			Recipe: "the certificate has no basic constraints",
			Why:    "the profile wants it said that the certificate is no CA's"}),
		{ID: "register.attestation.tpm.ecc", Want: MustAccept, Sev: Medium,
			Field:  "attestationObject.authData.credentialPublicKey",
			Needs:  []Need{NeedAttestation, NeedRS256, NeedES256},
			Device: DeviceConfig{Attestation: attest.TPM, Algorithms: []ctap.Algorithm{ctap.RS256}},
			Recipe: "the credential's key is on P-256, and not RSA's",
			Why:    "new machines make such keys: whoever takes RSA alone locks their owners out",
			Edits:  edits(ceremony.Key(ctap.ES256))},
	})
}

// androidKeyCases spoil statements of Android's key store (§8.4).
func androidKeyCases() []Case {
	const described = leafField + ".extensions.keyDescription"
	android := func(fault string, c Case) Case {
		c.ID = "register.attestation.android-key." + c.ID
		return attested(attest.AndroidKey, fault, c)
	}
	return at("§8.4", []Case{
		android("android.challenge", Case{ID: "challenge", Sev: High, Field: described,
			Recipe: "the certificate's challenge is another hash than the client data's",
			Why:    "a statement could be taken from another registration"}),
		android("android.key", Case{ID: "leaf-key", Sev: High, Field: leafField + ".publicKey",
			Recipe: "the certificate's key is another one than the credential's, and signed",
			Why:    "the key store vouches for one key, and another is registered"}),
		android("android.all-applications", Case{ID: "all-applications", Sev: High, Field: described,
			Recipe: "the key is for all applications, as the hardware says",
			Why:    "every app on the phone could sign in"}),
		android("android.all-applications.software", Case{ID: "all-applications-software", Sev: High, Field: described,
			Recipe: "the key is for all applications, as the software says",
			Why:    "every app on the phone could sign in"}),
		android("android.origin", Case{ID: "origin", Sev: High, Field: described,
			Recipe: "the key was imported, and not made in the device",
			Why:    "whoever imported it may have a copy"}),
		android("android.purpose", Case{ID: "purpose", Sev: High, Field: described,
			Recipe: "the key is for verifying, not for signing",
			Why:    "the statement is about another use than this one"}),
		android("android.no-description", Case{ID: "no-description", Sev: High, Field: described,
			Recipe: "the certificate does not describe the key",
			Why:    "nothing ties the certificate to this registration, or says how the key is kept"}),
		android("alg.other", Case{ID: "alg", Sev: Medium, Field: statement + ".alg",
			Recipe: "alg is RS256, and the certificate's key is of an elliptic curve",
			Why:    "whoever verifies by what the statement says verifies by the attacker's choice"}),
		android("sig.other-key", Case{ID: "other-key", Sev: High, Field: statement + ".sig",
			Recipe: "another key than the certificate's signed", Why: unvouched}),
	})
}

// appleCases spoil Apple's anonymous statements (§8.8).
func appleCases() []Case {
	apple := func(fault string, c Case) Case {
		c.ID = "register.attestation.apple." + c.ID
		return attested(attest.Apple, fault, c)
	}
	return at("§8.8", []Case{
		apple("apple.nonce", Case{ID: "nonce", Sev: High, Field: leafField + ".extensions.appleNonce",
			Recipe: "the certificate's nonce is another hash than that of authenticator data and client data",
			Why:    "a statement could be taken from another registration"}),
		apple("apple.no-nonce", Case{ID: "no-nonce", Sev: High, Field: leafField + ".extensions.appleNonce",
			Recipe: "the certificate has no nonce",
			Why:    "a statement could be taken from another registration"}),
		apple("apple.key", Case{ID: "leaf-key", Sev: High, Field: leafField + ".publicKey",
			Recipe: "the certificate's key is another one than the credential's",
			Why:    "the maker vouches for one key, and another is registered"}),
	})
}

// compoundCases spoil statements made of several (§8.9).
func compoundCases() []Case {
	compound := func(fault string, c Case) Case {
		c.ID = "register.attestation.compound." + c.ID
		return attested(attest.Compound, fault, c)
	}
	return at("§8.9", []Case{
		compound("compound.one", Case{ID: "one", Sev: Medium, Field: statement + "[1]",
			Recipe: "there is one statement only",
			Why:    "the format is of two and more"}),
		compound("compound.nested", Case{ID: "nested", Sev: Medium, Field: statement + "[1]",
			Recipe: "the second statement is itself compound, and good",
			Why:    "a verifier that calls itself can be made to do so for ever"}),
		compound("compound.first", Case{ID: "first-bad", Want: Policy, Sev: Medium, Field: statement + "[0].attStmt.sig",
			Recipe: "another key signed the first statement; the second is good",
			Why:    "the standard leaves it to the site how many have to be good; it should be known which"}),
		compound("compound.second", Case{ID: "second-bad", Want: Policy, Sev: Medium, Field: statement + "[1].attStmt.sig",
			Recipe: "another key signed the second statement; the first is good",
			Why:    "the standard leaves it to the site how many have to be good; it should be known which"}),
	})
}
