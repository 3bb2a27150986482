// Package explain takes WebAuthn's JSON and CBOR apart for people: what a response
// or options say, where two responses differ, and what in options will surprise.
//
// Parts have paths. Members of a response's member response have no prefix, for
// none shares a name with those around it, nor have those of a credential that is a
// member of what a page posts, and of two that are alike the credential's come first;
// what is encoded is taken apart:
//
//	id, rawId, type, clientExtensionResults.credProps.rk, transports[0]
//	clientDataJSON.origin
//	attestationObject.fmt
//	attestationObject.authData.flags.UV
//	attestationObject.authData.credentialPublicKey.alg
//	attestationObject.attStmt.x5c[0].extensions.aaguid
//	attestationObject.attStmt.x5c[0].extensions.keyDescription.hardwareEnforced.origin
//	attestationObject.attStmt.certInfo.extraData
//	attestationObject.attStmt.pubArea.objectAttributes.fixedTPM
//	authenticatorData.rpIdHash, signature, userHandle     of a sign-in
//
// Whatever comes is taken apart as far as it can be; the rest is shown as it is.
package explain
