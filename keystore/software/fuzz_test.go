package software

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

func FuzzState(f *testing.F) {
	b, err := NewState().AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:10])
	f.Add([]byte{2})
	// What decodes encodes to the same.
	f.Fuzz(func(t *testing.T, in []byte) {
		var s State
		if err := s.UnmarshalBinary(in); err != nil {
			if !errors.Is(err, keystore.ErrCorrupt) && !errors.Is(err, keystore.ErrNewerSchema) {
				t.Fatal(err)
			}
			return
		}
		if out, err := s.AppendBinary(nil); err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%x encodes to %x, %v", in, out, err)
		}
	})
}

func FuzzHandle(f *testing.F) {
	r := newDisk().open()
	var real []string
	for _, p := range []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation} {
		h, _, err := r.Create(f.Context(), ctap.ES256, []byte("b"), p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(h))
		real = append(real, string(h))
	}
	f.Add([]byte{})
	f.Add([]byte{sealVersion, kindKey, 1})
	// Nothing opens but what was made.
	f.Fuzz(func(t *testing.T, h []byte) {
		if slices.Contains(real, string(h)) {
			return
		}
		if _, err := r.Open(t.Context(), h, []byte("b")); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Open of %x: %v", h, err)
		}
		if _, err := r.Unseal(t.Context(), h, []byte("b")); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Unseal of %x: %v", h, err)
		}
	})
}

func FuzzStoredKey(f *testing.F) {
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES512, ctap.EdDSA, ctap.ES256K} {
		k, err := generateKey(alg)
		if err != nil {
			f.Fatal(err)
		}
		b, err := k.appendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	// What decodes has a public half; none stops the program.
	f.Fuzz(func(t *testing.T, in []byte) {
		k, err := parseStored(in)
		if err != nil {
			wants(t, "parse", err, keystore.ErrCorrupt)
			return
		}
		if k.pub == nil {
			t.Fatal("no public half")
		}
	})
}
