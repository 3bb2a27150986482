package keystoretest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// TestVault tests the contracts of keystore.Vault and Tx.
func TestVault(t *testing.T, vaults Vaults) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, Vaults)
	}{
		{"Records", testRecords},
		{"Lists", testLists},
		{"Scan", testScan},
		{"Abort", testAbort},
		{"ReadOnly", testReadOnly},
		{"Wipe", testWipe},
		{"Ownership", testOwnership},
		{"Close", testVaultClose},
		{"Concurrency", testVaultConcurrency},
		{"Model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, vaults) })
	}
}

func testRecords(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	s.has("a", "")
	s.update(func(tx keystore.Tx) error {
		wants(t, "delete what is not there", tx.Delete([]byte("a")), fs.ErrNotExist)
		return nil
	})
	s.put("a", "1")
	s.put("b", "2")
	s.has("a", "1")
	s.put("a", "3")
	s.has("a", "3")
	s.has("b", "2")
	s.has("A", "")
	s.has("a\x00", "")
	s.update(func(tx keystore.Tx) error { return tx.Delete([]byte("a")) })
	s.has("a", "")
	s.has("b", "2")

	// Within one transaction what was written is seen.
	s.update(func(tx keystore.Tx) error {
		if err := tx.Put(keystore.Record{ID: []byte("c"), Value: []byte("4")}, index("k", "")); err != nil {
			return err
		}
		r, err := tx.Get([]byte("c"))
		if err != nil || string(r.Value) != "4" {
			t.Errorf("Get within the update = %q, %v", r.Value, err)
		}
		ids, err := idsOn(tx, index("k", ""), nil)
		if err != nil || !slices.Equal(ids, []string{"c"}) {
			t.Errorf("Scan within the update = %q, %v", ids, err)
		}
		return tx.Delete([]byte("c"))
	})
	s.has("c", "")
	s.holds(index("k", ""))

	for _, size := range []int{0, keystore.MaxIDLength + 1} {
		err := s.Update(t.Context(), func(tx keystore.Tx) error {
			return tx.Put(keystore.Record{ID: make([]byte, size)})
		})
		if err == nil {
			t.Errorf("Put took an ID of %d bytes", size)
		}
		s.view(func(tx keystore.Tx) error {
			_, err := tx.Get(make([]byte, size))
			wants(t, "Get of an impossible ID", err, fs.ErrNotExist)
			return nil
		})
	}
	s.put(string(make([]byte, keystore.MaxIDLength)), "long")
	s.has(string(make([]byte, keystore.MaxIDLength)), "long")
	big := string(bytes.Repeat([]byte("large "), 20000))
	s.put("big", big)
	s.has("big", big)
	s.update(func(tx keystore.Tx) error { return tx.Put(keystore.Record{ID: []byte("empty")}) })
	s.view(func(tx keystore.Tx) error {
		r, err := tx.Get([]byte("empty"))
		if err != nil || len(r.Value) != 0 {
			t.Errorf("an empty value comes back as %q, %v", r.Value, err)
		}
		return nil
	})
}

func testLists(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x, y, z := index("rp", "x"), index("rp", "y"), index("all", "")
	s.holds(x)
	s.put("a", "1", x, z)
	s.put("b", "2", x, z)
	s.put("c", "3", y, z)
	s.holds(x, "b", "a")
	s.holds(y, "c")
	s.holds(z, "c", "b", "a")

	// Replaced: keeps its place, newest where it is new, off where not given.
	s.put("a", "4", z, y)
	s.holds(x, "b")
	s.holds(y, "a", "c")
	s.holds(z, "c", "b", "a")
	s.has("a", "4")
	s.put("a", "5", x)
	s.holds(x, "a", "b")
	s.holds(y, "c")
	s.holds(z, "c", "b")
	s.put("a", "6", x, x)
	s.holds(x, "a", "b")
	s.put("a", "7")
	s.holds(x, "b")

	s.update(func(tx keystore.Tx) error { return tx.Delete([]byte("b")) })
	s.holds(x)
	s.holds(z, "c")
	s.put("b", "8", x, z)
	s.holds(z, "b", "c")

	// Kinds and values are no strings to be joined.
	for _, other := range []keystore.Index{
		index("ab", "c"), index("a", "bc"), index("abc", ""), index("", "abc"), index("a", "bc\x00"), index("AB", "c"),
	} {
		s.holds(other)
		id := other.Kind + "/" + string(other.Value)
		s.put(id, "v", other)
		s.holds(other, id)
	}
}

func testScan(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x, y := index("rp", "x"), index("rp", "y")
	var want []string
	s.update(func(tx keystore.Tx) error {
		for i := range 300 {
			id := fmt.Sprintf("record %d", i)
			want = append(want, id)
			if err := tx.Put(keystore.Record{ID: []byte(id), Value: []byte(id)}, x); err != nil {
				return err
			}
		}
		return tx.Put(keystore.Record{ID: []byte("other")}, y)
	})
	slices.Reverse(want)
	s.holds(x, want...)
	s.view(func(tx keystore.Tx) error {
		for _, i := range []int{0, 1, 150, 298, 299} {
			got, err := idsOn(tx, x, []byte(want[i]))
			if err != nil || !slices.Equal(got, want[i+1:]) {
				t.Errorf("Scan after %q gives %d records from %q, %v", want[i], len(got), got[:min(1, len(got))], err)
			}
		}
		for _, after := range []string{"", "nobody", "other"} {
			_, err := idsOn(tx, x, []byte(after))
			wants(t, fmt.Sprintf("Scan after %q", after), err, fs.ErrNotExist)
		}
		stop := errors.New("stop")
		n := 0
		if err := tx.Scan(x, nil, func(keystore.Record) error { n++; return stop }); err != stop || n != 1 {
			t.Errorf("an error of f gives %v after %d calls", err, n)
		}
		// Within a scan one may look.
		return tx.Scan(x, []byte(want[297]), func(r keystore.Record) error {
			if _, err := tx.Get(r.ID); err != nil {
				return err
			}
			ids, err := idsOn(tx, y, nil)
			if len(ids) != 1 {
				t.Errorf("Scan within a scan = %q", ids)
			}
			return err
		})
	})
}
