package rptest

import (
	"bytes"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// nestedDepth is far deeper than any attestation object, and than what recursive
// decoders of all languages stand.
const nestedDepth = 5000

// objectCases spoil the attestation object (§7.1 step 13).
func objectCases() []Case {
	const object = "attestationObject"
	unreadable := "what is not as the standard has it may be read differently by whoever reads it next"
	none := []Need{NeedNoAttestation}
	return at("§7.1 step 13", []Case{
		{ID: "register.object.trailing", Sev: Medium, Field: object,
			Recipe: "a byte follows the attestation object",
			Why:    unreadable,
			Edits:  edits(ceremony.ObjectBytes(func(b []byte) []byte { return append(b, 0) }))},
		{ID: "register.object.numbers", Sev: Medium, Field: object,
			Recipe: "members have the numbers that the device gave them, not their names",
			Why:    "that is what a device tells a browser, not what a browser tells a site",
			Edits: edits(ceremony.ObjectMap(func(m *ceremony.Map) {
				format, data, statement := m.Get("fmt"), m.Get("authData"), m.Get("attStmt")
				for _, name := range []string{"fmt", "authData", "attStmt"} {
					m.Delete(name)
				}
				m.Add(1, ctap.RawMessage(format))
				m.Add(2, ctap.RawMessage(data))
				m.Add(3, ctap.RawMessage(statement))
			}))},

		{ID: "register.object.no-fmt", Sev: Medium, Field: object + ".fmt",
			Recipe: "fmt is missing",
			Why:    "without a format nothing is verified",
			Edits:  edits(withoutMember("fmt"))},
		{ID: "register.object.fmt-number", Sev: Medium, Field: object + ".fmt",
			Recipe: "fmt is a number",
			Why:    "a wrong type must be refused, not crash",
			Edits:  edits(setMember("fmt", 7))},
		{ID: "register.object.no-attstmt", Sev: Medium, Field: object + ".attStmt",
			Needs:  none,
			Recipe: "attStmt is missing",
			Why:    "the format none has a statement, too: an empty one",
			Edits:  edits(withoutMember("attStmt"))},
		{ID: "register.object.attstmt-bytes", Sev: Medium, Field: object + ".attStmt",
			Needs:  none,
			Recipe: "attStmt is a byte string",
			Why:    "a wrong type must be refused, not crash, and not count as an empty statement",
			Edits:  edits(setMember("attStmt", []byte{}))},
		{ID: "register.object.no-authdata", Sev: Medium, Field: object + ".authData",
			Recipe: "authData is missing",
			Why:    "what is not there must be missed, not crash",
			Edits:  edits(withoutMember("authData"))},
		{ID: "register.object.authdata-text", Sev: Medium, Field: object + ".authData",
			Recipe: "authData is text, of the same bytes",
			Why:    "a wrong type must be refused, not crash",
			Edits: edits(ceremony.ObjectMap(func(m *ceremony.Map) {
				if data := slices.Clone(m.Get("authData")); len(data) > 0 {
					data[0] ^= 0x20 // from byte string to text
					m.Set("authData", ctap.RawMessage(data))
				}
			}))},

		{ID: "register.object.duplicate-fmt", Sev: Medium, Field: object + ".fmt",
			Recipe: "fmt is there twice",
			Why:    "two parsers may take two different ones",
			Edits: edits(ceremony.ObjectMap(func(m *ceremony.Map) {
				m.Duplicate("fmt", ctap.RawMessage(m.Get("fmt")))
			}))},
		{ID: "register.object.deep", Sev: High, Field: object,
			Needs:  none,
			Recipe: "attStmt is 5000 arrays, each within the one before",
			Why:    "a decoder that calls itself for each of them runs out of stack, and takes the server with it",
			Edits: edits(setMember("attStmt", ctap.RawMessage(
				append(bytes.Repeat([]byte{0x81}, nestedDepth), 0x80))))},
		{ID: "register.object.huge-string", Sev: High, Field: object + ".authData",
			Recipe: "authData says that it has 4 GiB",
			Why:    "a decoder that believes it asks for the memory",
			Edits: edits(ceremony.ObjectMap(func(m *ceremony.Map) {
				huge := append([]byte{0x5a, 0xff, 0xff, 0xff, 0xff}, m.Get("authData")...)
				m.Set("authData", ctap.RawMessage(huge))
			}))},

		{ID: "register.object.indefinite", Want: Policy, Sev: Low, Field: object + ".authData",
			Recipe: "authData is a byte string of indefinite length",
			Why:    "it is CBOR, but not as devices and browsers write it",
			Edits: edits(ceremony.ObjectMap(func(m *ceremony.Map) {
				m.Set("authData", ctap.RawMessage(slices.Concat([]byte{0x5f}, m.Get("authData"), []byte{0xff})))
			}))},
		{ID: "register.object.tag", Want: Policy, Sev: Low, Field: object,
			Recipe: "the attestation object is tagged as CBOR",
			Why:    "it is CBOR, but not as devices and browsers write it",
			Edits: edits(ceremony.ObjectBytes(func(b []byte) []byte {
				return append([]byte{0xd9, 0xd9, 0xf7}, b...)
			}))},
		{ID: "register.object.extra", Want: Policy, Sev: Low, Field: object + ".extra",
			Recipe: "the attestation object has a member that nobody knows",
			Why:    "a later version might have one",
			Edits:  edits(setMember("extra", true))},
	})
}

func setMember(name string, value any) ceremony.Edit {
	return ceremony.ObjectMap(func(m *ceremony.Map) { m.Set(name, value) })
}

func withoutMember(name string) ceremony.Edit {
	return ceremony.ObjectMap(func(m *ceremony.Map) { m.Delete(name) })
}

// at gives cases their anchor, where they have none.
func at(anchor string, cases []Case) []Case {
	for i := range cases {
		if cases[i].Anchor == "" {
			cases[i].Anchor = anchor
		}
	}
	return cases
}

// credProtect is what a device that protects credentials says unasked: policy 2.
var credProtect = []byte("\xa1\x6bcredProtect\x02")

// authDataOfRegistration are the faults of authenticator data that only a
// registration has (§7.1 steps 13 to 18).
func authDataOfRegistration() []Case {
	const authData = "attestationObject.authData"
	misread := "what is not announced is signed all the same, and read differently by whoever reads on"
	return at("§7.1 step 13", []Case{
		{ID: "register.auth-data.at-clear", Sev: High, Field: authData + ".flags.AT",
			Recipe: "the flag AT (credential data follow) is clear, though the credential's data are there",
			Why:    misread,
			Edits:  edits(ceremony.Flags(0, ctap.FlagAT))},
		{ID: "register.auth-data.no-credential", Sev: High, Field: authData,
			Recipe: "the flag AT (credential data follow) is clear, and the credential's data are not there",
			Why:    "there is nothing to register, and to read on must not crash",
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags &^= ctap.FlagAT
				c.AuthData.Attested = false
			}))},
		{ID: "register.auth-data.at-without-data", Sev: High, Field: authData,
			Recipe: "the flag AT (credential data follow) is set, and the credential's data are not there",
			Why:    "the data end where more is announced",
			Edits:  edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) { c.AuthData.Attested = false }))},
		{ID: "register.auth-data.ed-trailing", Sev: Medium, Field: authData,
			Recipe: "a byte follows the extensions",
			Why:    misread,
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags |= ctap.FlagED
				c.AuthData.Extensions, c.AuthData.Trailing = credProtect, []byte{0}
			}))},
		{ID: "register.auth-data.ed-clear", Sev: Medium, Field: authData,
			Recipe: "the flag ED (extensions follow) is clear, though extensions are there",
			Why:    misread,
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags &^= ctap.FlagED
				c.AuthData.Extensions = credProtect
			}))},
		{ID: "register.auth-data.id-length", Sev: High, Field: authData,
			Recipe: "the credential ID says that it has 60000 bytes, more than there are",
			Why:    "a length that is not checked is read beyond the end",
			Edits:  edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) { c.AuthData.CredentialIDLength = 60000 }))},

		{ID: "register.flags.up-conditional", Anchor: "§7.1 step 15", Want: MustAccept, Sev: Medium, Field: authData + ".flags.UP",
			Needs:  []Need{NeedConditional},
			Recipe: "the flag UP is clear, and mediation was conditional",
			Why:    "a passkey that is made along with a sign-in by password comes without a touch",
			Edits:  edits(ceremony.Flags(0, ctap.FlagUP))},
		{ID: "register.flags.backed-up", Anchor: "§7.1 step 18", Want: Policy, Sev: Medium, Field: authData + ".flags",
			Device: DeviceConfig{BackupEligible: yes(false), BackedUp: yes(false)},
			Recipe: "the flags BE and BS are set: the credential is copied to other devices",
			Why:    "a site that wants keys bound to one device has to refuse it; all others should not",
			Edits:  edits(ceremony.Flags(ctap.FlagBE|ctap.FlagBS, 0))},
	})
}
