package brokenrp

// packedChecks are those of the formats none and packed (WebAuthn §8.7, §8.2).
var packedChecks = []entry{
	{"fmt.known", "the attestation format is a known one", "an unknown format counts as none", "§7.1 step 21"},
	{"fmt.case", "the format's name is compared exactly", "the format's name is compared without case", "§7.1 step 21"},
	{"none.empty", "the statement of none is empty", "the statement of none is not looked at", "§8.7"},
	{"accept.none.aaguid", "the AAGUID of none is zero", "an AAGUID without attestation is refused", "§8.7"},

	{"packed.signature", "the credential's key signed the self attestation", "the signature of a self attestation is not verified", "§8.2"},
	{"packed.alg", "alg is the credential key's", "alg is not compared with the credential's key", "§8.2"},
	{"packed.alg.present", "there is alg", "without alg the key's own counts", "§8.2"},
	{"packed.sig.present", "there is sig", "without sig there is nothing to verify", "§8.2"},
	{"packed.members", "the statement has no other members", "other members are ignored", "§8.2"},
	{"packed.x5c.signature", "the certificate's key signed", "the signature by the certificate's key is not verified", "§8.2"},
	{"packed.x5c.key", "not the credential's key signed", "the credential's key may have signed in place of the certificate's", "§8.2"},
	{"x5c.list", "x5c is a list", "an x5c that is no list is not verified", "§8.2"},
	{"x5c.empty", "x5c has a certificate", "an empty x5c is not verified", "§8.2"},
	{"x5c.certificate", "x5c has certificates only", "an x5c with something else in it is not verified", "§8.2"},
	{"packed.cert.ca", "the attestation certificate is no CA's", "CA:true is not noticed", "§8.2.1"},
	{"packed.cert.basicConstraints", "basicConstraints are there", "missing basicConstraints are not missed", "§8.2.1"},
	{"packed.cert.ou", "OU is Authenticator Attestation", "OU is not looked at", "§8.2.1"},
	{"packed.cert.subject", "C, O and CN are there", "C, O and CN are not missed", "§8.2.1"},
	{"packed.cert.version", "the certificate has version 3", "the version is not looked at", "§8.2.1"},
	{"accept.packed.country", "C is a code that ISO 3166 assigns to a country", "codes for users, as ZZ, are refused", "§8.2.1"},
	{"packed.cert.aaguid", "the certificate's AAGUID is the authenticator's", "the certificate's AAGUID is not compared", "§8.2.1"},
	{"packed.cert.aaguid.critical", "the AAGUID extension is not critical", "a critical AAGUID extension is read", "§8.2.1"},
	{"packed.cert.aaguid.wrapped", "the AAGUID is an OCTET STRING within the extension's", "an AAGUID wrapped once is read", "§8.2.1"},
	{"packed.x5c.alg", "alg is one of the certificate's key", "the certificate's key says how to verify", "§8.2"},
}

// formatChecks are those of the other formats (WebAuthn §8.3, §8.4, §8.6, §8.8,
// §8.9).
var formatChecks = []entry{
	{"statement.alg", "there is alg, in tpm and android-key", "without alg the certificate's key says how to verify", "§8.3"},
	{"statement.sig", "there is sig, in fido-u2f, tpm and android-key", "without sig there is nothing to verify", "§8.3"},

	{"u2f.aaguid", "the AAGUID is zero", "the AAGUID is not looked at", "§8.6"},
	{"u2f.x5c.single", "x5c has one certificate", "further certificates are ignored", "§8.6"},
	{"u2f.x5c.present", "x5c has a certificate", "without certificate there is nothing to verify", "§8.6"},
	{"u2f.cert.curve", "the certificate's key is on P-256", "the certificate's key may be on any curve", "§8.6"},
	{"u2f.signature", "the signature is over 00, rpIdHash, clientDataHash, id and key", "the signature is not verified", "§8.6"},

	{"tpm.ver", "ver is 2.0", "ver is not looked at", "§8.3"},
	{"tpm.signature", "the attestation key signed certInfo", "the signature of certInfo is not verified", "§8.3"},
	{"tpm.alg", "alg is one of the certificate's key", "the certificate's key says how to verify", "§8.3"},
	{"tpm.magic", "certInfo's magic is TPM_GENERATED_VALUE", "magic is not looked at", "§8.3"},
	{"tpm.type", "certInfo's type is TPM_ST_ATTEST_CERTIFY", "type is not looked at", "§8.3"},
	{"tpm.extraData", "extraData is the hash of what is attested", "extraData is not compared", "§8.3"},
	{"tpm.name", "name is pubArea's", "name is not compared", "§8.3"},
	{"tpm.pubArea", "pubArea is the credential's public key", "pubArea is not compared with the credential's key", "§8.3"},
	{"tpm.pubArea.form", "pubArea is a TPMT_PUBLIC", "a length before pubArea is skipped", "§8.3"},
	{"tpm.cert.subject", "the certificate's subject is empty", "the certificate's subject is not looked at", "§8.3.1"},
	{"tpm.cert.eku", "the certificate is for attestation keys", "the extended key usage is not looked at", "§8.3.1"},
	{"tpm.cert.san", "the certificate names the TPM", "the subject alternative name is not missed", "§8.3.1"},
	{"tpm.cert.basicConstraints", "basicConstraints are there", "missing basicConstraints are not missed", "§8.3.1"},
	{"tpm.cert.ca", "the certificate is no CA's", "CA:true is not noticed", "§8.3.1"},
	{"accept.tpm.ecc", "the credential's key is RSA", "ECC keys are refused", "§8.3"},

	{"android.signature", "the certificate's key signed", "the signature is not verified", "§8.4"},
	{"android.alg", "alg is one of the certificate's key", "the certificate's key says how to verify", "§8.4"},
	{"android.description", "the certificate has a key description", "without key description there is nothing to compare", "§8.4"},
	{"android.challenge", "the certificate's challenge is clientDataHash", "the challenge is not compared", "§8.4"},
	{"android.key", "the certificate's key is the credential's", "the two keys are not compared", "§8.4"},
	{"android.allApplications", "the key is not for all applications", "allApplications is not noticed", "§8.4"},
	{"android.origin", "the key was generated in the device", "the key's origin is not looked at", "§8.4"},
	{"android.purpose", "the key is for signing", "the key's purpose is not looked at", "§8.4"},

	{"apple.nonce.present", "the certificate has a nonce", "without nonce there is nothing to compare", "§8.8"},
	{"apple.nonce", "the certificate's nonce is the hash of what is attested", "the nonce is not compared", "§8.8"},
	{"apple.key", "the certificate's key is the credential's", "the two keys are not compared", "§8.8"},

	{"compound.count", "there are two statements and more", "one statement is enough", "§8.9"},
	{"compound.nested", "no statement is itself compound", "compound statements may nest", "§8.9"},
	{"compound.all", "every statement is good", "one good statement is enough", "§8.9"},
}

// trustChecks are those of certificates' paths, metadata and the site's policy.
var trustChecks = []entry{
	{"trust.expired", "the attestation certificate has not expired", "its end is not looked at", "§7.1 step 24"},
	{"trust.notYet", "the attestation certificate is valid already", "its beginning is not looked at", "§7.1 step 24"},
	{"trust.root", "a trusted root signed the chain", "roots are recognized by their names", "§7.1 step 24"},
	{"trust.path", "the chain leads to a trusted root", "a chain that leads nowhere is taken", "§7.1 step 24"},
	{"trust.intermediate", "intermediate certificates are valid now", "only the first certificate's dates are looked at", "§7.1 step 24"},
	{"trust.order", "each certificate certifies the one before", "certificates may stand in any order", "§7.1 step 24"},
	{"accept.trust.root", "the chain stops before the root", "a root within x5c is refused", "§7.1 step 24"},
	{"metadata.revoked", "the model is not revoked", "the status REVOKED is not looked at", "§7.1 step 24"},
	{"metadata.compromised", "the model is not compromised", "statuses of compromise are not looked at", "§7.1 step 24"},
	{"metadata.signature", "the metadata are signed by a trusted root", "metadata are not verified", "§7.1 step 23"},
	{"metadata.number", "metadata are newer than those before", "older metadata replace newer ones", "§7.1 step 23"},
	{"attestation.required", "a site that wants attestation gets it", "none and self attestation are always taken", "§7.1 step 24"},
	{"attestation.model", "the model is one that the site allows", "the list of models is not looked at", "§7.1 step 24"},
}
