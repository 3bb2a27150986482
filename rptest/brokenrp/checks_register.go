package brokenrp

// optionsChecks are those of the options that the site itself makes, and of what
// a client may change in them.
var optionsChecks = []entry{
	{"challenge.fresh", "each challenge is new", "one challenge serves for ever", "§13.4.3"},
	{"challenge.length", "a challenge has 32 bytes", "a challenge has 8 bytes", "§13.4.3"},
	{"base64url", "bytes are base64url without padding", "bytes are base64 with padding", "§5.1.8"},
	{"user.id.present", "user.id is not empty", "user.id is empty", "§5.4.3"},
	{"user.id.length", "user.id has at most 64 bytes", "user.id has 65 bytes", "§5.4.3"},
	{"user.id.opaque", "user.id says nothing of the person", "user.id is the user name", "§14.6.1"},
	{"exclude", "excludeCredentials lists the account's credentials", "excludeCredentials is empty", "§5.4"},
	{"rp.id", "rp.id is the site's", "rp.id is another domain's", "§5.4.2"},
	{"algorithms", "ES256 and RS256 are offered", "RS256 is not offered", "§5.4"},
	{"enums", "values are of the standard's enumerations", "a hint is made up", "§5.4"},
	{"enumeration", "options do not tell who has an account", "options for an unknown name are refused", "§14.6.2"},
	{"lower.userVerification", "a client cannot lower userVerification", "userVerification is the client's", "§7.1 step 1"},
	{"lower.attachment", "a client cannot change the attachment", "the attachment is the client's", "§7.1 step 1"},
	{"lower.attestation", "a client cannot lower the attestation", "the attestation is the client's", "§7.1 step 1"},
}

// registerChecks are those of registration (WebAuthn §7.1) other than of the
// public key and the attestation.
var registerChecks = []entry{
	{"shape", "there is an attestation object", "a response without one is stored as its id says", "§7.1 step 3"},

	{"attestationObject.trailing", "nothing follows the attestation object", "bytes after the attestation object are ignored", "§7.1 step 13"},
	{"attestationObject.keys", "members have their names", "CTAP's numbers stand for the members' names", "§7.1 step 13"},
	{"attestationObject.fmt", "fmt is text", "without fmt there is no attestation to verify", "§7.1 step 13"},
	{"attestationObject.attStmt", "attStmt is a map", "without attStmt there is no attestation to verify", "§7.1 step 13"},
	{"attestationObject.authData", "authData is a byte string", "authData is read without looking: a crash if it is not there", "§7.1 step 13"},
	{"attestationObject.duplicate", "no member is there twice", "the last of equal members counts", "§7.1 step 13"},
	{"cbor.depth", "items are nested 16 deep at most", "the decoder's stack is fixed and its end not watched: a crash", "§7.1 step 13"},
	{"cbor.length", "strings end before the input does", "a string is cut out before its length is looked at: a crash", "§7.1 step 13"},
	{"attestationObject.indefinite", "lengths are definite", "indefinite lengths are read", "§7.1 step 13"},
	{"attestationObject.tag", "nothing is tagged", "tags are skipped", "§7.1 step 13"},
	{"attestationObject.extra", "there are three members", "further members are ignored", "§7.1 step 13"},
	{"at.flag", "attested credential data come with the AT flag", "they are read whatever the flag says", "§7.1 step 13"},
	{"at.present", "there are attested credential data", "they are read without looking whether they are there: a crash", "§7.1 step 13"},
	{"idLength", "the credential ID ends before the authenticator data do", "it is cut out before its length is looked at: a crash", "§7.1 step 13"},
	{"accept.up.conditional", "the person was present in conditional mediation, too", "UP=0 is refused in conditional mediation", "§7.1 step 15"},
	{"backup.policy", "a site that wants device-bound credentials gets them", "backup eligibility is not looked at", "§7.1 step 18"},

	{"id.long", "a credential ID has at most 1023 bytes", "a credential ID may have any length", "§7.1 step 25"},
	{"accept.id.long", "a credential ID has at most 255 bytes", "credential IDs of more than 255 bytes are refused", "§7.1 step 25"},
	{"id.empty", "a credential ID is not empty", "an empty credential ID is stored", "§7.1 step 25"},
	{"id.foreign", "the credential ID is not another account's", "another account's credential is replaced", "§7.1 step 26"},
	{"id.own", "the credential ID is new", "the account's own credential is replaced", "§7.1 step 26"},
	{"id.outer", "id is that of the authenticator data", "id is not compared with that of the authenticator data", "§7.1 step 27"},
	{"publicKey", "response.publicKey is that of the authenticator data", "response.publicKey is what is stored", "§7.1 step 27"},
	{"publicKeyAlgorithm", "response.publicKeyAlgorithm is that of the authenticator data", "response.publicKeyAlgorithm is not compared", "§7.1 step 27"},
	{"accept.transports.unknown", "transports are known ones", "unknown transports are refused", "§7.1 step 27"},
	{"accept.transports.missing", "there are transports", "missing transports are refused", "§7.1 step 27"},
	{"accept.transports.type", "transports are a list", "transports that are no list are refused", "§7.1 step 27"},
	{"accept.unsolicited.client", "client extension outputs were asked for", "others are refused", "§7.1 step 28"},
	{"accept.unsolicited.authenticator", "authenticator extension outputs were asked for", "others are refused", "§7.1 step 28"},
	{"accept.prf", "prf.enabled stands in both outputs or in none", "a prf that only one of them tells of is refused", "§7.1 step 28"},
	{"store", "a credential is stored when all is verified", "it is stored before its attestation is verified", "§7.1 step 27"},
	{"owner", "who adds a passkey to an account is signed in to it", "whoever knows a name can add a passkey to its account", ""},
	{"stepUp", "who came in by password proves a passkey before adding another", "a password is enough to add a passkey", ""},
}

// publicKeyChecks are those of the credential public key (WebAuthn §5.8.5,
// §6.5.1.1).
var publicKeyChecks = []entry{
	{"alg.requested", "the algorithm is one of pubKeyCredParams", "the algorithm is not compared with pubKeyCredParams", "§7.1 step 20"},
	{"key.kty", "the key type is the algorithm's", "the key type is not compared with the algorithm", "§7.1 step 20"},
	{"key.curve", "the point is on its curve", "the point is stored unseen", "§7.1 step 20"},
	{"key.width", "coordinates have the curve's width", "coordinates are numbers of any length", "§7.1 step 20"},
	{"key.crv", "the curve is the algorithm's", "the curve is not looked at", "§7.1 step 20"},
	{"key.y", "y is a byte string", "y is a sign, too", "§7.1 step 20"},
	{"key.duplicate", "no label is there twice", "one of equal labels counts", "§7.1 step 20"},
	{"key.alg", "there is an algorithm", "the algorithm is guessed from the key", "§7.1 step 20"},
	{"key.private", "the key has no private part", "a private part is ignored", "§7.1 step 20"},
	{"key.exponent", "an RSA exponent is odd and 3 or more", "every RSA exponent is taken", "§7.1 step 20"},
	{"key.modulus", "an RSA modulus has 2048 bits and more", "every RSA modulus is taken", "§7.1 step 20"},
	{"key.okp.point", "an Ed25519 key is a point of large order", "every 32 bytes are a key", "§7.1 step 20"},
	{"key.okp.length", "an Ed25519 key has 32 bytes", "a short key is filled up", "§7.1 step 20"},
	{"key.order", "labels stand in canonical order", "labels may stand in any order", "§7.1 step 20"},
	{"key.indefinite", "the key's lengths are definite", "indefinite lengths are read", "§7.1 step 20"},
}
