package report

import (
	"strings"

	"github.com/seed-77d61853/signet/rptest"
)

// todo says in sentences what a site has to do about a finding: what it checks at
// that step, or what it must not refuse; of a crash or of what was kept, that first.
// Of other results it is empty.
func todo(r *rptest.Result) string {
	if !r.Finding {
		return ""
	}
	var parts []string
	switch {
	case r.Outcome == rptest.Crashed && r.Case.Want == rptest.MustReject && r.Case.Kind != rptest.Options:
		parts = append(parts, "Refuse this with an answer of your own, such as status 400: the request must end in neither 5xx nor silence.")
	case r.Outcome == rptest.Crashed:
		parts = append(parts, "Answer this: the request must end in neither 5xx nor silence.")
	case r.Outcome == rptest.RejectedButStored:
		parts = append(parts, "Store a credential, and give a session, only after every check has passed; keep nothing of what you refuse.")
	}
	switch r.Case.Want {
	case rptest.MustReject:
		parts = append(parts, remedy(refuse, &r.Case))
	case rptest.MustAccept:
		parts = append(parts, "Accept this: "+r.Case.Recipe+".", remedy(accept, &r.Case))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// remedy looks a case up by its ID, then by the names above it, the longest first
// ("login.origin."), then by the step of the standard.
func remedy(of map[string]string, c *rptest.Case) string {
	for name := c.ID; name != ""; name = above(name) {
		if text, ok := of[name]; ok {
			return text
		}
	}
	return of[c.Anchor]
}

// above is the name above one: "login.origin." of "login.origin.port" and of
// "login.origin.other.", "login." of itself, "" of that.
func above(name string) string {
	return name[:strings.LastIndexByte(strings.TrimSuffix(name, "."), '.')+1]
}

// accept says, by case or step, what lets a site take what it has to take.
var accept = map[string]string{
	"§7.1 step 3":  "Do not check instanceof PublicKeyCredential: go by the members that are there.",
	"§7.1 step 5":  "Decode the client data as UTF-8, and take a byte order mark off before you parse them.",
	"§7.1 step 6":  "Parse the client data as JSON, and skip members that you do not know; neither the order of members nor the way strings are written matters.",
	"§7.1 step 13": "Test the flags that you know, each by its bit; never compare the whole byte.",
	"§7.1 step 15": "Ask for the flag UP only where mediation was not conditional.",
	"§7.1 step 25": "Take credential IDs of up to 1023 bytes, and give the column that stores them that room.",
	"§7.1 step 27": "Treat transports as a hint: keep the names that are there, known or not, and go on without them.",
	"§7.1 step 28": "Skip outputs of extensions that you did not ask for.",
	"§7.2 step 6":  "Where you know already who signs in, do without the userHandle; where it is there, it has to be that account's.",
	"§7.2 step 8":  "Decode the client data as UTF-8, and take a byte order mark off before you parse them.",
	"§7.2 step 9":  "Parse the client data as JSON, and skip members that you do not know; neither the order of members nor the way strings are written matters.",
	"§7.2 step 16": "Test the flags that you know, each by its bit; never compare the whole byte.",
	"§7.2 step 17": `Ask for the flag UV only where the options said userVerification "required", and never ask for it to be clear.`,
	"§7.2 step 19": "Compare only BE with what was stored. BS may change at any sign-in: store the new one.",
	"§7.2 step 21": "Do not ask for a low s: verify ECDSA as it is, with s anywhere from 1 to the order less 1.",
	"§7.2 step 22": "Compare counters only where one of the two is not 0, as numbers of 32 bits without a sign; take whatever is greater. Where it is lower and the credential is backed up, do not lock its owner out.",
	"§7.2 step 23": "Skip outputs of extensions that you did not ask for.",
	"§7.2 step 24": "Store the counter and flags of a sign-in only after every check has passed.",
	"§8.2":         "Do not ask for a low s: verify ECDSA as it is, with s anywhere from 1 to the order less 1.",
	"§8.3":         "Read pubArea by its type: TPM_ALG_RSA and TPM_ALG_ECC are both good.",
	"§8.7":         "Take any AAGUID where the format is none, and believe none of them.",

	"sequence.step-up.honest": "Verify at the second place as at the first, with a challenge of its own, and let pass whoever proves who they are.",
}

// refuse says, by case or step, what a site checks so that it refuses what it has to
// refuse.
var refuse = map[string]string{
	"§7.1 step 2":  "Have the page catch what navigator.credentials.create throws, post nothing then, and let people try again.",
	"§7.1 step 3":  "Register only what a response with clientDataJSON and attestationObject says; refuse one that lacks either.",
	"§7.1 step 6":  "Parse the client data as one JSON object to the last byte, and go by its members' exact names, capitals included.",
	"§7.1 step 7":  "Check that the client data's type is exactly webauthn.create.",
	"§7.1 step 8":  "Compare the client data's challenge, whole and as the base64url that it is, with the one that you made for this session; refuse where either is missing or empty.",
	"§7.1 step 9":  "Compare the client data's origin, whole and exactly, with a list of the origins that you expect: by no prefix, suffix or pattern. Refuse what is no string.",
	"§7.1 step 10": "Refuse any crossOrigin but false or none, unless other sites may frame your page.",
	"§7.1 step 11": "Refuse client data with topOrigin, whatever crossOrigin says, unless other sites may frame your page; then compare it with a list of those.",
	"§7.1 step 12": "Hash the bytes of clientDataJSON as they came, never JSON that you wrote anew, and verify the statement over that hash.",
	"§7.1 step 13": "Decode the attestation object as one CBOR map to the last byte: fmt is text, attStmt a map, authData a byte string, each there once. Limit depth and lengths before you allocate.",
	"§7.1 step 14": "Compare rpIdHash with the SHA-256 of your RP ID, which is a host name without scheme and port.",
	"§7.1 step 15": "Check that the flag UP (bit 0) is set.",
	"§7.1 step 16": `Check that the flag UV (bit 2) is set where you asked for userVerification "required".`,
	"§7.1 step 17": "Refuse the flag BS (bit 4) where BE (bit 3) is clear.",
	"§7.1 step 20": "Decode the credential's key to the last byte, each label once, and check that kty, alg and crv belong together, that coordinates have their curve's length, and that the point is on the curve.",
	"§7.1 step 21": "Keep a list of the formats that you verify, compare fmt with it exactly, and refuse all others.",
	"§7.1 step 22": "Refuse the format android-safetynet, or verify all of its statement.",
	"§7.1 step 23": "Take metadata only whose signature leads to the root that you trust for it, and whose number is greater than that of the last you took.",
	"§7.1 step 24": "Verify the chain from x5c's first certificate on, each by the next in the list, every one of them in date, up to a root that is on your own list: a root in the response proves nothing.",
	"§7.1 step 25": "Check that the credential ID has 1 to 1023 bytes.",
	"§7.1 step 26": "Look the credential ID up among the credentials of all accounts, and refuse one that is there; let the database enforce it (unique).",
	"§7.1 step 27": "Check that id and rawId are strings and the credential ID of the authenticator data, and that type is public-key; store the ID of the authenticator data.",

	"register.auth-data.":                             "Read the authenticator data with every length checked first: AT and ED have to be set exactly where their data follow, and nothing may be left over.",
	"register.key.alg-not-offered":                    "Check that the key's alg is one of those that pubKeyCredParams offered in this ceremony.",
	"register.key.private":                            "Refuse a key that has its private part: take only the labels that its type has.",
	"register.key.rsa-exponent":                       "Refuse RSA keys whose exponent is even or less than 3; devices use 65537.",
	"register.key.rsa-512":                            "Refuse RSA keys of less than 2048 bits.",
	"register.key.ed25519-zero":                       "Refuse Ed25519 keys that are points of small order.",
	"register.key.ed25519-short":                      "Check that an Ed25519 key has 32 bytes.",
	"register.attestation.packed-self.":               "Without x5c, check that alg is the credential key's, and that sig over authenticator data and client data hash holds by that key.",
	"register.attestation.packed-self.x5c-bytes":      "Count as self attestation only a statement without x5c; where x5c is there, it has to be a list of certificates, the first of which signed.",
	"register.attestation.packed-self.x5c-empty":      "Count as self attestation only a statement without x5c; where x5c is there, it has to be a list of certificates, the first of which signed.",
	"register.attestation.trust.none-instead":         "Where you require attestation, refuse the format none.",
	"register.attestation.trust.self-instead":         "Where you require attestation, refuse self attestation: a statement without a chain to a root.",
	"register.attestation.trust.other-model":          "Look the AAGUID up in the list of models that you allow, and refuse those that are not there.",
	"register.attestation.trust.metadata-revoked":     "Look the model up in the metadata by its AAGUID, and refuse it where a status report takes it back: REVOKED.",
	"register.attestation.trust.metadata-compromised": "Look the model up in the metadata by its AAGUID, and refuse it where a status report tells of compromised keys.",

	"§8.2":   "Check that x5c is a list of certificates and not empty, that alg fits the first one's key, and that sig over authenticator data and client data hash holds by that key.",
	"§8.2.1": "Hold the certificate against the profile: version 3; a subject with C, O, CN, and the OU Authenticator Attestation; basic constraints with CA false; an AAGUID that is not critical and that of the authenticator data, in two OCTET STRINGs.",
	"§8.3":   "Check that ver is 2.0, that pubArea is the credential's key, that certInfo has TPM_GENERATED_VALUE, TPM_ST_ATTEST_CERTIFY, the hash of what is attested and pubArea's name, and that sig over it holds by the certificate's key and alg.",
	"§8.3.1": "Hold the certificate against the TPM profile: version 3, no subject, TPM maker and model in the alternative name, the usage tcg-kp-AIKCertificate, CA false.",
	"§8.4":   "Verify sig by the certificate's key, which has to be the credential's and to fit alg; then check the key description: the challenge is the client data hash, the origin is generated, the purpose is signing, and allApplications is nowhere.",
	"§8.6":   "Check that x5c has exactly one certificate, with a key on P-256, and verify sig by it over 0x00, rpIdHash, client data hash, credential ID and the key's 65 bytes.",
	"§8.7":   "Check that the statement of the format none is an empty map.",
	"§8.8":   "Compare the nonce in the certificate with the SHA-256 of authenticator data and client data hash, and the certificate's key with the credential's.",
	"§8.9":   "Refuse a compound statement of less than two, and one that has another compound in it.",

	"§7.2 step 2":  "Have the page abort the pending call before it makes another one.",
	"§7.2 step 3":  "Check that the response has clientDataJSON, authenticatorData and signature before you go on.",
	"§7.2 step 4":  "Check that clientExtensionResults is a JSON object.",
	"§7.2 step 5":  "Look the credential up by its ID, and refuse one that nobody registered.",
	"§7.2 step 6":  "Check that the credential belongs to the account that signs in, and that a userHandle, where it is there, is that account's; without a user name there has to be one.",
	"§7.2 step 7":  "Check that id and rawId say the same and that type is public-key, and look the credential up by one of them throughout.",
	"§7.2 step 8":  "Check that the response has clientDataJSON before you go on.",
	"§7.2 step 9":  "Parse the client data as one JSON object to the last byte, and go by its members' exact names, capitals included.",
	"§7.2 step 10": "Check that the client data's type is exactly webauthn.get.",
	"§7.2 step 11": "Compare the client data's challenge, whole and as the base64url that it is, with the one that you made for this session; refuse where either is missing or empty.",
	"§7.2 step 12": "Compare the client data's origin, whole and exactly, with a list of the origins that you expect: by no prefix, suffix or pattern. Refuse what is no string.",
	"§7.2 step 13": "Refuse any crossOrigin but false or none, unless other sites may frame your page.",
	"§7.2 step 14": "Refuse client data with topOrigin, whatever crossOrigin says, unless other sites may frame your page; then compare it with a list of those.",
	"§7.2 step 15": "Compare rpIdHash with the SHA-256 of your RP ID, which is a host name without scheme and port.",
	"§7.2 step 16": "Check that the flag UP (bit 0) is set.",
	"§7.2 step 17": `Check that the flag UV (bit 2) is set where you asked for userVerification "required".`,
	"§7.2 step 18": "Refuse the flag BS (bit 4) where BE (bit 3) is clear.",
	"§7.2 step 19": "Store the flag BE at registration, and refuse a sign-in whose BE is another.",
	"§7.2 step 21": "Verify the signature by the credential's stored key over the authenticator data and then the SHA-256 of clientDataJSON, both as they came, and refuse where it does not hold.",
	"§7.2 step 23": "Check type, encoding and length of the extension outputs that you use, and refuse those that are not as their extension has them.",

	"login.auth-data.":              "Read the authenticator data with every length checked first: AT and ED have to be set exactly where their data follow, and nothing may be left over.",
	"login.rp-id.appid-unasked":     "Take the hash of an AppID only where your options asked for appid, and go by what you asked, not by the output.",
	"login.signature.zero":          ecdsaRange,
	"login.signature.order":         ecdsaRange,
	"login.signature.r-plus-order":  ecdsaRange,
	"login.signature.long-length":   strictDER,
	"login.signature.trailing-byte": strictDER,
	"login.signature.third-integer": strictDER,
	"login.signature.leading-zeros": strictDER,
	"login.signature.raw":           strictDER,

	"options.challenge.repeats":          "Make a challenge anew, from the system's random source, for every request for options.",
	"options.challenge.short":            "Make challenges of 16 random bytes or more; 32 are usual.",
	"options.encoding":                   "Write challenge, user.id and credential IDs in base64url without padding.",
	"options.user-id.length":             "Make user.id of 1 to 64 bytes.",
	"options.user-id.name":               "Make user.id of random bytes, kept with the account: no name, no address.",
	"options.exclude-list":               "List the account's credentials in excludeCredentials.",
	"options.rp-id":                      "Set rp.id to the page's host or a domain above it, or publish the page's origin in /.well-known/webauthn of that domain.",
	"options.algorithms":                 "Offer -7 (ES256) and -257 (RS256) in pubKeyCredParams, in the order that you prefer.",
	"options.enumerations":               "Use only the values that the standard has for the member that is named here.",
	"options.client-lowers.":             "Decide on the server what the options ask for, and take from the client's request nothing that lowers it.",
	"sequence.replay.":                   "Delete a challenge as you look it up, in one atomic step, before you verify anything.",
	"sequence.challenge.late":            "Keep with each challenge when it expires, no later than the options' timeout, and refuse it from then on.",
	"sequence.challenge.other-session":   "Keep the challenge in the session that asked for it, and compare the answer with that one alone.",
	"sequence.challenge.of-registration": "Keep with each challenge what it is for, and take a registration's for no sign-in.",

	"sequence.session.registration-of-other":   "Keep the options in the session with the account that they are for, and store the credential in that account alone, where it is still the one that is signed in.",
	"sequence.session.login-unbegun":           "Refuse a sign-in where the session holds no challenge; never take the one in the answer for it.",
	"sequence.login.not-listed":                "Keep the allowCredentials that you sent with the challenge, and check that the credential that answers is among them.",
	"sequence.account.other-credential":        "Check that the credential that answers belongs to the account that is signing in.",
	"sequence.account.no-credential":           "Check that the credential that answers belongs to the account that is signing in; of an account without passkeys none can.",
	"sequence.account.other-user-handle":       "Check that the userHandle is that of the account that the credential belongs to.",
	"sequence.account.not-discoverable":        "Keep whether a credential was made discoverable, and take only those in a sign-in without a user name.",
	"sequence.account.deleted-credential":      "Delete a credential where sign-ins look it up, caches included, and look it up there at every sign-in.",
	"sequence.account.last-credential":         "Delete a credential where sign-ins look it up, even when it is the account's last; or refuse to delete that one.",
	"sequence.account.recreated":               "Delete an account's credentials along with it, and tie credentials to a user ID that is never used again, not to a name.",
	"sequence.ownership.password-only-enrols":  "Ask for one of the account's passkeys before you add another one to it.",
	"sequence.ownership.stranger-enrols":       "Register a passkey for an account that is there only in a session of that account.",
	"sequence.ownership.rename-other":          "Look the credential up by its ID and the account that is signed in, and rename nothing else.",
	"sequence.ownership.delete-other":          "Look the credential up by its ID and the account that is signed in, and delete nothing else.",
	"sequence.ownership.enrolment-token-twice": "Delete an enrolment token as it is used, in one atomic step.",
	"sequence.step-up.other-key":               "Verify at the second place as at sign-in, and do nothing there unless the signature holds.",
	"sequence.step-up.challenge":               "Make a challenge of its own for the second place, and compare the answer with it.",
	"sequence.step-up.uv":                      `Ask for userVerification "required" at the second place, and check that the flag UV (bit 2) is set.`,
	"sequence.burden.large-body":               "Limit how long a request's body may be before you read it; 1 MiB is plenty.",
	"sequence.burden.deep-json":                "Limit how deep JSON may be nested, or how long a body may be, before you parse it.",
	"sequence.burden.compressed":               "Refuse compressed requests, or limit what they inflate to while you read them.",
}

const (
	ecdsaRange = "Check that r and s are each from 1 to the order of the curve's group less 1: verify by a library that does, and bring it up to date."
	strictDER  = "Parse the signature as DER to the last byte: a SEQUENCE of two INTEGERs, each length and number in its shortest form."
)
