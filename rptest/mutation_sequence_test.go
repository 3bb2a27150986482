package rptest

import (
	"bytes"
	"testing"

	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// What sequences put into a response differs from the honest one in its field, and in
// what follows from that, alone.
func TestFaultsOfSequencesAreIsolated(t *testing.T) {
	id := bytes.Repeat([]byte{7}, 32)
	for _, test := range []struct {
		kind  Kind
		field string
		fault Mutation
	}{
		{SigningIn, "userHandle", claiming("bm9ib2R5")},
		{SigningIn, "signature", signed(bytes.Repeat([]byte{1}, 70))},
		{SigningIn, "authenticatorData.flags.UV", withoutUV()},
		{Registering, "attestationObject.authData.flags.UV", withoutUV()},
		{Registering, "attestationObject.authData.credentialId", named(id)},
	} {
		for _, format := range []attest.Format{attest.None, attest.PackedSelf, attest.TPM} {
			t.Run(test.fault.ID+" "+string(test.kind)+" "+string(format), func(t *testing.T) {
				c := Case{
					ID: "sequence", Kind: test.kind, Field: test.field, Want: MustReject, Edits: test.fault.Edits,
					Needs: []Need{NeedAttestation}, Device: DeviceConfig{Attestation: format},
				}
				control, fault := build(t.Context(), t, c)
				for _, stray := range strays(c, control, fault) {
					t.Error(stray)
				}
			})
		}
	}
	// A device that verified says so already: withUV undoes withoutUV.
	both := withoutUV().optional() // since together they are no fault
	both.Edits = append(both.Edits, withUV().Edits...)
	control, fault := build(t.Context(), t, Case{ID: "sequence", Kind: SigningIn, Edits: both.Edits})
	if changes := explain.Diff(control, fault); len(changes) > 0 {
		t.Errorf("UV clear and set again:\n%s", explain.Table(changes))
	}
}
