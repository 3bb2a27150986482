package memory

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

func TestRootSigns(t *testing.T) {
	ctx := context.Background()
	r := NewRoot(nil)
	pin := bytes.Repeat([]byte{1}, 16)
	if err := r.Gate().SetPIN(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Algorithms() {
		for _, p := range []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation} {
			h, k, err := r.Create(ctx, a.ID, []byte("b"), p)
			if err != nil {
				t.Fatal(err)
			}
			digest := make([]byte, 32)
			if h := a.ID.Hash(); h != 0 {
				digest = digest[:0]
				digest = append(digest, make([]byte, h.Size())...)
			}
			var opts crypto.SignerOpts = a.ID.Hash()
			if _, err := k.Sign(ctx, digest, opts); err != nil {
				t.Fatal(a.ID, p, err)
			}
			if _, err := r.Open(ctx, h, []byte("b")); (p == keystore.Gated) != errors.Is(err, keystore.ErrGateShut) {
				t.Fatal(a.ID, p, err)
			}
			if err := r.Gate().Open(ctx, pin); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				k2, err := r.Open(ctx, h, []byte("b"))
				if err != nil {
					t.Fatal(a.ID, p, err)
				}
				if _, err := k2.Sign(ctx, digest, opts); err != nil {
					t.Fatal(a.ID, p, err)
				}
			}
			r.Gate().Shut()
		}
	}
}
