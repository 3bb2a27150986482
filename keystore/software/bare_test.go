package software

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Keys of a bare root open for their binding alone, and live as long as those of
// any root do.
func TestBareKeys(t *testing.T) {
	ctx := t.Context()
	b := NewBare(nil)
	ungated, k, err := b.Create(ctx, ctap.ES256, []byte("site"), keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	installed, _, err := b.Create(ctx, ctap.EdDSA, []byte("vendor"), keystore.Installation)
	if err != nil {
		t.Fatal(err)
	}
	signs := func(k keystore.Key) error {
		_, err := k.Sign(ctx, make([]byte, 32), crypto.SHA256)
		return err
	}
	again, err := b.Open(ctx, ungated, []byte("site"))
	if err := errors.Join(err, signs(k)); err != nil || !k.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(again.Public()) {
		t.Errorf("opened again as %v, %v", again, err)
	}
	for what, open := range map[string]struct {
		handle  keystore.Handle
		binding string
	}{
		"another binding": {ungated, "vendor"},
		"no handle":       {nil, "site"},
		"another handle":  {keystore.Handle("handle 9"), "site"},
		"a short handle":  {ungated[:7], "site"},
	} {
		_, err := b.Open(ctx, open.handle, []byte(open.binding))
		wants(t, what, err, fs.ErrNotExist)
		_, _, err = b.ExportKey(ctx, open.handle, []byte(open.binding))
		wants(t, what+", to export", err, fs.ErrNotExist)
	}
	_, _, err = b.Create(ctx, ctap.ES256, nil, keystore.Gated)
	wants(t, "a gated key", err, errNoGate)
	_, _, err = b.Create(ctx, 0, nil, keystore.Ungated)
	wants(t, "a key of no algorithm", err, keystore.ErrUnsupported)

	if err := b.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	wants(t, "signature after a reset", signs(again), fs.ErrNotExist)
	_, err = b.Open(ctx, ungated, []byte("site"))
	wants(t, "open after a reset", err, fs.ErrNotExist)
	if k, err = b.Open(ctx, installed, []byte("vendor")); err != nil {
		t.Error(err)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	_, err = k.Sign(ctx, []byte("message"), crypto.Hash(0))
	wants(t, "signature after the end", err, fs.ErrClosed)
	_, err = b.Open(ctx, installed, []byte("vendor"))
	wants(t, "open after the end", err, fs.ErrClosed)
	_, _, err = b.Create(ctx, ctap.ES256, nil, keystore.Ungated)
	wants(t, "create after the end", err, fs.ErrClosed)
	wants(t, "reset after the end", b.Reset(ctx), fs.ErrClosed)
}

// A key that is taken out and brought in again signs as before.
func TestBareTravel(t *testing.T) {
	ctx := t.Context()
	from, to := NewBare(nil), NewBare([]byte("seed"))
	for _, alg := range from.Algorithms() {
		h, k, err := from.Create(ctx, alg.ID, []byte("site"), keystore.Ungated)
		if err != nil {
			t.Fatal(err)
		}
		made, private, err := from.ExportKey(ctx, h, []byte("site"))
		if err != nil || made != alg.ID {
			t.Fatalf("%v, %v", made, err)
		}
		brought, err := to.ImportKey(ctx, made, private, []byte("site"), keystore.Ungated)
		if err != nil {
			t.Fatal(err)
		}
		same, err := to.Open(ctx, brought, []byte("site"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := ctap.MarshalPublicKey(alg.ID, k.Public())
		b, err2 := ctap.MarshalPublicKey(alg.ID, same.Public())
		if err := errors.Join(err, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%v: %x, want %x, %v", alg.ID, b, a, err)
		}
	}
	_, err := to.ImportKey(ctx, ctap.ES256, []byte("short"), nil, keystore.Ungated)
	if err == nil {
		t.Error("a key that is none was brought in")
	}
}

// What is sealed opens for its binding alone, until a reset.
func TestBareSeal(t *testing.T) {
	ctx := t.Context()
	b := NewBare(nil)
	sealed, err := b.Seal(ctx, []byte("value"), []byte("for"), keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := b.Unseal(ctx, sealed, []byte("for")); err != nil || string(plain) != "value" {
		t.Errorf("%q, %v", plain, err)
	}
	_, err = b.Unseal(ctx, sealed, []byte("for else"))
	wants(t, "another binding", err, fs.ErrNotExist)
	for i := range sealed {
		for _, bit := range []byte{1, 2, 0x80} {
			bad := bytes.Clone(sealed)
			bad[i] ^= bit
			_, err := b.Unseal(ctx, bad, []byte("for"))
			wants(t, fmt.Sprintf("byte %d with bit %#x changed", i, bit), err, fs.ErrNotExist)
		}
	}
	_, err = b.Unseal(ctx, sealed[:32], []byte("for"))
	wants(t, "a short one", err, fs.ErrNotExist)
	_, err = b.Seal(ctx, nil, nil, keystore.Gated)
	wants(t, "a gated one", err, errNoGate)
	if err := b.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = b.Unseal(ctx, sealed, []byte("for"))
	wants(t, "after a reset", err, fs.ErrNotExist)
}
