// Package client is the client's half of passkeys: what a browser does between
// a site's options and an authenticator.
//
// Client is the browser: its Create and Get take and give the JSON of WebAuthn
// Level 3 and fail with the names of DOM exceptions. Authenticator, below it,
// is one method per CTAP command and fails with ctap.Status. Both speak to a
// Device: a CTAPHID channel, or with Local an engine in the same process.
//
// Section numbers alone, "§6.1", are those of CTAP 2.3; others name their
// standard.
package client
