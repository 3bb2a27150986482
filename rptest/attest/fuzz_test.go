package attest

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// FuzzStatement: whatever the authenticator data and whichever two faults, on
// formats of theirs or not, a statement is CBOR, always the same, or an error.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(nil), uint8(0), uint8(0), uint8(0), uint8(0))
	f.Add(make([]byte, 37), uint8(3), uint8(3), uint8(20), uint8(70))
	f.Add(make([]byte, 200), uint8(8), uint8(0), uint8(80), uint8(81))
	a := New(seed, fixedClock)
	faults := Faults()
	f.Fuzz(func(t *testing.T, authData []byte, format, alg, one, two uint8) {
		in := newCredential(t, Formats()[int(format)%len(Formats())], algorithms[int(alg)%len(algorithms)])
		in.AuthData = authData
		if alg%2 == 1 {
			in.Parts = []Format{}
		}
		edits := []Edit{faults[int(one)%len(faults)].Edit, faults[int(two)%len(faults)].Edit}
		name, attStmt, err := a.Statement(in, edits...)
		if err != nil {
			return
		}
		if err := cbor.Wellformed(attStmt); err != nil || name == "" {
			t.Fatalf("%q: %x: %v", name, attStmt, err)
		}
		again, attStmtAgain, err := a.Statement(in, edits...)
		if err != nil || again != name || !bytes.Equal(attStmtAgain, attStmt) {
			t.Fatalf("%v, and another statement", err)
		}
	})
}

// TestTwoFaults: any two faults of one format can be made together, or are
// refused.
func TestTwoFaults(t *testing.T) {
	a := New(seed, fixedClock)
	faults := Faults()
	for _, format := range Formats() {
		in := newCredential(t, format, ctap.ES256)
		for i := range faults {
			for j := range faults {
				// Every seventh pair is enough to meet each fault often.
				if (i*len(faults)+j)%7 != 0 {
					continue
				}
				if _, attStmt, err := a.Statement(in, faults[i].Edit, faults[j].Edit); err == nil && cbor.Wellformed(attStmt) != nil {
					t.Errorf("%s and %s of %s: %x", faults[i].Name, faults[j].Name, format, attStmt)
				}
			}
		}
	}
}
