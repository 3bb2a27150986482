package rptest

import (
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// The faults that sequences put into a response, and that are no case by themselves:
// they name what belongs to another account, or to an earlier answer.

// claiming has a sign-in say that it is by the account of a userHandle, in base64url.
func claiming(userHandle string) Mutation {
	return Mutation{"userHandle of another account", edits(ceremony.ResponseMember("userHandle", userHandle))}
}

// named gives a new credential the ID of another.
func named(id []byte) Mutation {
	return Mutation{"ID of another credential", edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) { c.AuthData.CredentialID = id }))}
}

// signed gives a sign-in the signature of another answer.
func signed(signature []byte) Mutation {
	return Mutation{"signature of another answer", edits(ceremony.SignatureBytes(signature))}
}

// withoutUV has a response say that nobody was verified, and withUV that somebody was.
func withoutUV() Mutation { return Mutation{"UV clear", edits(ceremony.Flags(0, ctap.FlagUV))} }
func withUV() Mutation    { return Mutation{"UV set", edits(ceremony.Flags(ctap.FlagUV, 0))} }

// optional is a fault that a response may have by itself.
func (m Mutation) optional() Mutation {
	made := Mutation{ID: m.ID}
	for _, e := range m.Edits {
		made.Edits = append(made.Edits, optional(e))
	}
	return made
}
