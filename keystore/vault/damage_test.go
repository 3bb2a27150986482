package vault

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// use does all that can be done with a vault of n records. Damage may show as
// an error anywhere, never as a wrong record.
func use(t *testing.T, path string, n int) (damaged error) {
	t.Helper()
	v, err := Open(path, testKey)
	if err != nil {
		return err
	}
	defer v.Close()
	note := func(err error) {
		if err != nil && !errors.Is(damaged, keystore.ErrCorrupt) {
			damaged = err
		}
	}
	note(v.View(t.Context(), func(tx keystore.Tx) error {
		for i := range n {
			r, err := tx.Get(idOf(i))
			note(err)
			if err == nil && !bytes.Equal(r.Value, recordOf(i).Value) {
				t.Errorf("record %d is another one: %q", i, r.Value)
			}
		}
		return tx.Scan(rp, nil, func(keystore.Record) error { return nil })
	}))
	note(v.Update(t.Context(), func(tx keystore.Tx) error {
		for i := range n {
			if i%2 == 0 {
				note(tx.Put(recordOf(i), rp))
			} else {
				note(tx.Delete(idOf(i)))
			}
		}
		return nil
	}))
	note(v.Update(t.Context(), func(tx keystore.Tx) error { return tx.Wipe() }))
	return damaged
}

func TestCutOff(t *testing.T) {
	path := filled(t, 200)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(whole, "\x00"))
	sizes := []int{1, 15, 16, 100, 4095, 4096, 8192, 16384, used / 2, used - 4096}
	for _, size := range sizes {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, "cut off", path, testKey, keystore.ErrCorrupt)
		refuses(t, "cut off, the second time", path, testKey, keystore.ErrCorrupt)
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, whole[:size]) {
			t.Errorf("a file cut off at %d was changed: %v", size, err)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, "empty", path, testKey, keystore.ErrCorrupt)
	if err := os.WriteFile(path, bytes.Repeat([]byte("noise"), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, "noise", path, testKey, keystore.ErrCorrupt)
}

// TestCutOffWhileOpen takes the file away under an open vault.
func TestCutOffWhileOpen(t *testing.T) {
	path := filled(t, 2000)
	v := mustOpen(t, path)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	err := v.View(t.Context(), func(tx keystore.Tx) error {
		_, err := tx.Get(idOf(1))
		return err
	})
	if !errors.Is(err, keystore.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("a record behind the end of the file: %v", err)
	}
	err = v.Update(t.Context(), func(tx keystore.Tx) error { return tx.Put(recordOf(1), rp) })
	if !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("an update behind the end of the file: %v", err)
	}
}

// TestDamage overwrites pieces of the file at random.
func TestDamage(t *testing.T) {
	const records, rounds = 60, 300
	path := filled(t, records)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(whole, "\x00"))
	random := rand.New(rand.NewPCG(3, 4))
	seen := 0
	for range rounds {
		data := bytes.Clone(whole)
		at, n := random.IntN(used), 1+random.IntN(64)
		for i := at; i < min(at+n, len(data)); i++ {
			data[i] = byte(random.Int())
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(t, path, records); err != nil {
			seen++
			if !strings.Contains(err.Error(), path) {
				t.Errorf("damage at %d: the error does not name the file: %v", at, err)
			}
		}
	}
	if seen < rounds/4 {
		t.Errorf("damage was seen in %d of %d rounds", seen, rounds)
	}
}

func FuzzRecord(f *testing.F) {
	keys, err := newKeys(testKey)
	if err != nil {
		f.Fatal(err)
	}
	key := keys.recordKey([]byte("id"))
	prefix := keys.listPrefix(rp)
	s := &stored{id: []byte("id"), places: []place{placeOn(prefix, 5)}, value: []byte("value")}
	sealed := keys.seal(key, s)
	plain, err := keys.value.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bindingOf(key))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte{0, 1, 'a', 0, 0})
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 1})
	// Whatever is parsed is what seals to the same again.
	f.Fuzz(func(t *testing.T, plain []byte) {
		s, err := parseStored(plain)
		if err != nil {
			if !errors.Is(err, keystore.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		sealed := keys.seal(key, s)
		again, err := keys.value.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bindingOf(key))
		if err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%x sealed again is %x, %v", plain, again, err)
		}
		if _, err := keys.unseal(key, plain); !errors.Is(err, keystore.ErrCorrupt) {
			t.Fatalf("noise unseals: %v", err)
		}
	})
}
