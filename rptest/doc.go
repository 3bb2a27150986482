// Package rptest tests relying parties: it has devices, browsers and people that
// a test can do with as it likes, and a catalogue of faults that a site must
// refuse, and of oddities that it must not.
//
// A [Device] is an authenticator in memory with a person, whose behaviour
// [Device.Next] scripts. A [Client] is a browser: WebAuthn's JSON in and out. A
// [User] has both, and an account at a relying party, an [RP]. [Run] plays the
// [Catalogue] against one: a control, the fault, a control again, so that a
// refusal says that the fault was noticed, and nothing else was wrong.
package rptest
