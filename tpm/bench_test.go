package tpm

import (
	"crypto"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// BenchmarkSign opens a key and signs with it, and beside it sends the bare
// commands: Load, Sign with a session for the key's authorization value, Flush.
func BenchmarkSign(b *testing.B) {
	chip := tpmtest.New(b)
	path := b.TempDir() + "/root"
	if err := Create(b.Context(), path, chip.Open, Options{}); err != nil {
		b.Fatal(err)
	}
	r, err := Open(b.Context(), path, chip.Open, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	binding, digest := []byte("site"), make([]byte, 32)
	h, k, err := r.Create(b.Context(), ctap.ES256, binding, keystore.Ungated)
	if err != nil {
		b.Fatal(err)
	}
	bare, err := k.(*key).take()
	if err != nil {
		b.Fatal(err)
	}
	t, err := chip.Open()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if _, err := bare.sign(t, r.parent, digest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("root", func(b *testing.B) {
		for b.Loop() {
			k, err := r.Open(b.Context(), h, binding)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := k.Sign(b.Context(), digest, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
			k.Close()
		}
	})
}
