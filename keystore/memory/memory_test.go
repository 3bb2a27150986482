package memory_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"runtime"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/memory"
)

func roots(seed func() []byte) keystoretest.Roots {
	return keystoretest.Roots{
		New: func(*testing.T) func() (keystore.Root, error) {
			return func() (keystore.Root, error) { return memory.NewRoot(seed()), nil }
		},
		Forgetful: true,
	}
}

func TestRoot(t *testing.T) {
	random := roots(func() []byte { return nil })
	keystoretest.TestRoot(t, random)
	keystoretest.TestGate(t, random)
}

func TestVault(t *testing.T) {
	keystoretest.TestVault(t, keystoretest.Vaults{
		New: func(*testing.T) func() (keystore.Vault, error) {
			return func() (keystore.Vault, error) { return memory.NewVault(), nil }
		},
		Forgetful: true,
	})
}

// TestCheap makes ten thousand devices with a passkey each, at once: under
// 100 MB, locked memory included, which goes back when they do.
func TestCheap(t *testing.T) {
	const devices = 10_000
	type device struct {
		root  *memory.Root
		vault *memory.Vault
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		locked, _ := arena.Usage()
		return m.HeapAlloc + uint64(locked)
	}
	before := heap()
	all := make([]device, devices)
	for i := range all {
		d := device{memory.NewRoot(nil), memory.NewVault()}
		h, _, err := d.root.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
		if err != nil {
			t.Fatal(err)
		}
		err = d.vault.Update(t.Context(), func(tx keystore.Tx) error {
			return tx.Put(keystore.Record{ID: h[:32], Value: h}, keystore.Index{Kind: "rp", Value: []byte("site")})
		})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = d
	}
	used := heap() - before
	runtime.KeepAlive(all)
	if used > 100_000_000 {
		t.Errorf("%d devices take %d bytes", devices, used)
	}
	locked, refused := arena.Usage()
	t.Logf("%d bytes a device, of them %d in the arena; not locked: %v", used/devices, locked/devices, refused)

	// Devices that are dropped, not closed, give their place back.
	clear(all)
	for range 10 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
		for range devices / 10 {
			memory.NewRoot(nil)
		}
	}
	if after, _ := arena.Usage(); after > locked+locked/2 {
		t.Errorf("the arena has %d bytes, and %d after as many devices more", locked, after)
	}
}

func BenchmarkNewRoot(b *testing.B) {
	for b.Loop() {
		memory.NewRoot(nil)
	}
}

// BenchmarkSign opens a key and signs: compare with BenchmarkBareSign.
func BenchmarkSign(b *testing.B) {
	root := memory.NewRoot([]byte("seed"))
	h, _, err := root.Create(b.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	if err != nil {
		b.Fatal(err)
	}
	digest := make([]byte, 32)
	for b.Loop() {
		k, err := root.Open(b.Context(), h, []byte("site"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Sign(b.Context(), digest, crypto.SHA256); err != nil {
			b.Fatal(err)
		}
		k.Close()
	}
}

func BenchmarkBareSign(b *testing.B) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := make([]byte, 32)
	for b.Loop() {
		if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
