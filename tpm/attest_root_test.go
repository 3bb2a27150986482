package tpm

import (
	"bytes"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestAttestationRoot: it is the one that statements carry, also after a reset
// and a restart.
func TestAttestationRoot(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	_, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	must(t, "create", err)
	chain := attested(t, r, k, ctap.ES256).X5C
	must(t, "reset", r.Reset(t.Context()))
	must(t, "close", r.Close())
	root, err := d.mustOpen().AttestationRoot(t.Context())
	must(t, "attestation root", err)
	if !bytes.Equal(root, chain[len(chain)-1]) {
		t.Errorf("the root is %x", root)
	}
}
