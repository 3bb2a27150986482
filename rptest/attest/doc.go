// Package attest makes WebAuthn attestation statements (WebAuthn §8) in every
// registered format that can be made without a maker's secrets, under roots of
// its own, and the trust material to verify them: roots, metadata statements and
// signed metadata BLOBs. It is for tests of relying parties: its keys are
// functions of a seed that whoever runs the test knows.
//
// A statement is made in steps, and each step can be spoilt on purpose:
//
//	structures -> leaf certificate -> x5c -> signature -> members -> fmt
//	(pubArea, certInfo, key description, nonce)
//
// An [Edit] changes what one step made; what follows is made from the changed,
// so that hashes, names, certificates and signatures fit the fault and only the
// check that is meant can find it. [Faults] lists the edits that are named.
//
// Same seed, same input, same bytes: nothing here is random, and honest
// statements do not depend on the clock.
package attest
