package tpm

import (
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// What is in the chip stays there; what is only sealed to it can be taken out,
// and what was made elsewhere is not said to be in it.
func TestExport(t *testing.T) {
	ctx, binding := t.Context(), []byte("site")
	r := created(t).mustOpen()
	inside, _, err := r.Create(ctx, ctap.ES256, binding, keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ExportKey(ctx, inside, binding); !errors.Is(err, keystore.ErrInChip) || !r.InChip(inside) {
		t.Errorf("export of a key in the chip: %v", err)
	}
	outside, _, err := r.Create(ctx, ctap.EdDSA, binding, keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	alg, private, err := r.ExportKey(ctx, outside, binding)
	if err != nil || alg != ctap.EdDSA || len(private) != 32 || r.InChip(outside) {
		t.Fatalf("export of a key sealed to the chip: %v, %v", alg, err)
	}
	moved, err := r.ImportKey(ctx, ctap.ES256, make([]byte, 31), binding, keystore.Ungated)
	if err == nil {
		t.Errorf("imported what is no key: %x", moved)
	}
	private[0] = 1 // any 32 bytes are a scalar, but for very high ones
	moved, err = r.ImportKey(ctx, ctap.ES256, private, binding, keystore.Ungated)
	if err != nil || r.InChip(moved) {
		t.Fatalf("import: in chip %v, %v", r.InChip(moved), err)
	}
	if _, err := r.Open(ctx, moved, binding); err != nil {
		t.Error(err)
	}
}
