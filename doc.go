// Package signet is a passkey device made of software, for three readers:
//   - test a relying party, or drive any authenticator: package client;
//   - embed a device of your own: package authenticator;
//   - keep keys somewhere new, or open another door: packages keystore and ctap.
//
// The program is cmd/signet.
package signet
