// Package ctap is the wire of the Client to Authenticator Protocol, CTAP 2.3:
// commands, messages, status codes, COSE keys, authenticator data, and the
// strict CBOR that carries them. It does no I/O and holds no state.
//
// Section numbers in comments, "§6.1", are those of CTAP 2.3; others name their
// standard. Each message is one struct whose tags are the standard's map keys.
package ctap
