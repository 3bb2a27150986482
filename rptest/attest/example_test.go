package attest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

func Example() {
	vendor := attest.New([]byte("a seed"), nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	clientDataHash := sha256.Sum256([]byte(`{"type":"webauthn.create"}`))
	in := attest.Input{
		Format: attest.Packed, AuthData: make([]byte, 37), ClientDataHash: clientDataHash[:],
		Alg: ctap.ES256, PublicKey: key.Public(),
	}
	// A statement to trust, and one whose leaf certificate says that it is a CA.
	fault, _ := attest.FaultNamed("leaf.ca")
	for _, edits := range [][]attest.Edit{nil, {fault.Edit}} {
		format, attStmt, err := vendor.Statement(in, edits...)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(format, len(attStmt) > 0)
	}
	// Output:
	// packed true
	// packed true
}
