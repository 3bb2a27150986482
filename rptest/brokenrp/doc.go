// Package brokenrp is a relying party of WebAuthn Level 3 in memory, strict in
// everything, in which each check can be switched off alone. It proves that a
// tester of relying parties finds what it says it finds: a fault must be refused
// while its check is on and go through when it is off.
//
//	site, err := brokenrp.New(brokenrp.Config{
//		RPID:    "login.example",
//		Origins: []string{"https://login.example"},
//		Off:     []brokenrp.Check{"login.counter"},
//	})
//
// Never run it as a real site: it is made to be wrong.
//
// # Endpoints
//
// The ceremonies speak the FIDO server REST profile: JSON by POST, cookies
// between calls, options not wrapped in publicKey, and
// {"status": "ok" or "failed", "errorMessage": ""} in every answer.
//
//	POST /attestation/options   username, displayName; authenticatorSelection, attestation,
//	                            extensions, mediation, enrolmentToken
//	POST /attestation/result    RegistrationResponseJSON
//	POST /assertion/options     username, or none; userVerification, extensions, allowCredentials
//	POST /assertion/result      AuthenticationResponseJSON
//	POST /stepup/options        as assertion/options, for the account that is signed in
//	POST /stepup/result         AuthenticationResponseJSON; makes the session verified
//	GET  /whoami                {"user", "verified", "method"}, or 401
//	GET  /sensitive             200 for a verified session, 403 for others
//	POST /logout
//	POST /password-login        username, password; makes the account where there is none
//	POST /password              password, the new one
//	GET  /credentials           {"credentials": [{"id", "name", "signCount", ...}]}
//	PUT  /credentials/{id}      name
//	DELETE /credentials/{id}
//	DELETE /account
//	POST /enrolment             {"token"}: once, one passkey for this account, in any session
//	POST /metadata              a signed metadata BLOB, as text
//	GET  /.well-known/webauthn  the related origins
//	GET  /                      a page that registers and signs in
//
// A name that no account has becomes an account with its first registration, and
// the session is signed in to it. Only who is signed in to an account, or has a
// token of it, adds a passkey; who came in by password proves a passkey first if
// the account has one.
//
// Sessions, accounts and challenges live as long as the Site.
package brokenrp
