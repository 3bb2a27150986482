package software

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A key that was exported and imported elsewhere is the same key, behind the same
// protection.
func TestExportImport(t *testing.T) {
	ctx, binding, pin := t.Context(), []byte("site"), make([]byte, 16)
	from, to := New(NewState(), Options{}), New(NewState(), Options{})
	if err := from.Gate().SetPIN(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if err := to.Gate().SetPIN(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for _, alg := range from.Algorithms() {
		for _, p := range []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation} {
			from.Gate().Shut()
			to.Gate().Shut()
			h, key, err := from.Create(ctx, alg.ID, binding, p)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := from.ExportKey(ctx, h, binding); errors.Is(err, keystore.ErrGateShut) != (p == keystore.Gated) {
				t.Errorf("%v, protection %d, gate shut: %v", alg.ID, p, err)
			}
			if err := from.Gate().Open(ctx, pin); err != nil {
				t.Fatal(err)
			}
			if _, _, err := from.ExportKey(ctx, h, []byte("other")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v: with another binding: %v", alg.ID, err)
			}
			got, private, err := from.ExportKey(ctx, h, binding)
			if err != nil || got != alg.ID {
				t.Fatalf("%v: exported %v, %v", alg.ID, got, err)
			}
			moved, err := to.ImportKey(ctx, got, private, binding, p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := to.Open(ctx, moved, binding); errors.Is(err, keystore.ErrGateShut) != (p == keystore.Gated) {
				t.Errorf("%v, protection %d, gate shut: opens with %v", alg.ID, p, err)
			}
			if err := to.Gate().Open(ctx, pin); err != nil {
				t.Fatal(err)
			}
			again, err := to.Open(ctx, moved, binding)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ctap.MarshalPublicKey(alg.ID, key.Public())
			if err != nil {
				t.Fatal(err)
			}
			if public, err := ctap.MarshalPublicKey(alg.ID, again.Public()); err != nil || !bytes.Equal(public, want) {
				t.Errorf("%v: another key, %v", alg.ID, err)
			}
		}
	}
	if _, err := to.ImportKey(ctx, ctap.ES256, []byte("short"), binding, keystore.Ungated); err == nil {
		t.Error("imported what is no key")
	}
	if _, err := to.ImportKey(ctx, 0, make([]byte, 32), binding, keystore.Ungated); !errors.Is(err, keystore.ErrUnsupported) {
		t.Errorf("imported a key of no algorithm: %v", err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := from.ExportKey(ctx, nil, binding); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("exported of a closed root: %v", err)
	}
}
