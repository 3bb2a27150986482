package keystoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
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

// shelf is a vault under test.
type shelf struct {
	keystore.Vault
	t    *testing.T
	open func() (keystore.Vault, error)
}

func newShelf(t *testing.T, vaults Vaults) *shelf {
	t.Helper()
	s := &shelf{t: t, open: vaults.New(t)}
	s.start()
	t.Cleanup(func() { s.Vault.Close() })
	return s
}

func (s *shelf) start() {
	s.t.Helper()
	v, err := s.open()
	if err != nil {
		s.t.Fatalf("open the vault: %v", err)
	}
	s.Vault = v
}

func (s *shelf) restart() {
	s.t.Helper()
	if err := s.Vault.Close(); err != nil {
		s.t.Fatalf("close the vault: %v", err)
	}
	s.start()
}

func (s *shelf) view(f func(keystore.Tx) error) {
	s.t.Helper()
	if err := s.View(context.Background(), f); err != nil {
		s.t.Errorf("view: %v", err)
	}
}

func (s *shelf) update(f func(keystore.Tx) error) {
	s.t.Helper()
	if err := s.Update(context.Background(), f); err != nil {
		s.t.Fatalf("update: %v", err)
	}
}

func (s *shelf) put(id, value string, on ...keystore.Index) {
	s.t.Helper()
	s.update(func(tx keystore.Tx) error {
		return tx.Put(keystore.Record{ID: []byte(id), Value: []byte(value)}, on...)
	})
}

// has checks a record; want "" means that there is none.
func (s *shelf) has(id, want string) {
	s.t.Helper()
	s.view(func(tx keystore.Tx) error {
		r, err := tx.Get([]byte(id))
		if want == "" {
			wants(s.t, "Get of "+id, err, fs.ErrNotExist)
		} else if err != nil || string(r.ID) != id || string(r.Value) != want {
			s.t.Errorf("Get of %q = %q, %v, want %q", id, r, err, want)
		}
		return nil
	})
}

// holds checks the IDs on a list, newest first.
func (s *shelf) holds(list keystore.Index, want ...string) {
	s.t.Helper()
	s.view(func(tx keystore.Tx) error {
		got, err := idsOn(tx, list, nil)
		if err != nil || !slices.Equal(got, want) {
			s.t.Errorf("list %s %q holds %q, %v, want %q", list.Kind, list.Value, got, err, want)
		}
		return nil
	})
}

func idsOn(tx keystore.Tx, list keystore.Index, after []byte) ([]string, error) {
	var ids []string
	err := tx.Scan(list, after, func(r keystore.Record) error {
		ids = append(ids, string(r.ID))
		return nil
	})
	return ids, err
}

func index(kind, value string) keystore.Index {
	return keystore.Index{Kind: kind, Value: []byte(value)}
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

func testAbort(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x, y := index("rp", "x"), index("rp", "y")
	s.put("a", "1", x)
	s.put("b", "2", x, y)
	s.put("c", "3", x)
	upset := func(tx keystore.Tx) error {
		return errors.Join(
			tx.Delete([]byte("a")),
			tx.Put(keystore.Record{ID: []byte("a"), Value: []byte("new")}, y),
			tx.Put(keystore.Record{ID: []byte("b"), Value: []byte("new")}, x),
			tx.Put(keystore.Record{ID: []byte("d"), Value: []byte("new")}, x, y),
			tx.Delete([]byte("b")),
			tx.Delete([]byte("c")),
			tx.Wipe(),
			tx.Put(keystore.Record{ID: []byte("c"), Value: []byte("new")}, y),
		)
	}
	unchanged := func() {
		t.Helper()
		s.has("a", "1")
		s.has("b", "2")
		s.has("c", "3")
		s.has("d", "")
		s.holds(x, "c", "b", "a")
		s.holds(y, "b")
	}
	abort := errors.New("abort")
	err := s.Update(t.Context(), func(tx keystore.Tx) error {
		if err := upset(tx); err != nil {
			t.Error(err)
		}
		return abort
	})
	if err != abort {
		t.Errorf("Update returned %v, not the error of f", err)
	}
	unchanged()

	func() {
		defer func() {
			if recover() != "panic" {
				t.Error("a panic of f did not come through")
			}
		}()
		s.Update(t.Context(), func(tx keystore.Tx) error {
			if err := upset(tx); err != nil {
				t.Error(err)
			}
			panic("panic")
		})
	}()
	unchanged()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(keystore.Tx) error { t.Error("f was called"); return nil }
	wants(t, "Update", s.Update(ctx, never), context.Canceled)
	wants(t, "View", s.View(ctx, never), context.Canceled)
	if err := s.View(t.Context(), func(keystore.Tx) error { return abort }); err != abort {
		t.Errorf("View returned %v, not the error of f", err)
	}

	// Waiting for another's update ends with the context.
	ctx, cancel = context.WithCancel(t.Context())
	s.update(func(keystore.Tx) error {
		done := make(chan error)
		go func() { done <- s.Update(ctx, never) }()
		cancel()
		wants(t, "an update that waits", <-done, context.Canceled)
		return nil
	})
	unchanged()
	s.put("a", "1", x) // the vault is none the worse
}

func testReadOnly(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x := index("rp", "x")
	s.put("a", "1", x)
	refuses := func(tx keystore.Tx) {
		t.Helper()
		for what, err := range map[string]error{
			"Put":    tx.Put(keystore.Record{ID: []byte("b")}, x),
			"Delete": tx.Delete([]byte("a")),
			"Wipe":   tx.Wipe(),
		} {
			if err == nil {
				t.Errorf("%s was not refused", what)
			}
		}
	}
	s.view(func(tx keystore.Tx) error { refuses(tx); return nil })
	s.update(func(tx keystore.Tx) error {
		if err := tx.Scan(x, nil, func(keystore.Record) error { refuses(tx); return nil }); err != nil {
			return err
		}
		return tx.Put(keystore.Record{ID: []byte("c"), Value: []byte("2")}, x)
	})
	s.has("a", "1")
	s.has("b", "")
	s.holds(x, "c", "a")
}

func testWipe(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x := index("rp", "x")
	s.update(func(tx keystore.Tx) error { return tx.Wipe() })
	s.put("a", "1", x)
	s.put("b", "2", x)
	s.update(func(tx keystore.Tx) error {
		if err := tx.Wipe(); err != nil {
			return err
		}
		return tx.Put(keystore.Record{ID: []byte("c"), Value: []byte("3")}, x)
	})
	s.has("a", "")
	s.has("c", "3")
	s.holds(x, "c")
	s.put("a", "4", x)
	s.holds(x, "a", "c")
}

// testOwnership checks that what goes in and out shares no memory with what is
// kept.
func testOwnership(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	id, value, list := []byte("a"), []byte("1"), []byte("x")
	s.update(func(tx keystore.Tx) error {
		if err := tx.Put(keystore.Record{ID: id, Value: value}, keystore.Index{Kind: "rp", Value: list}); err != nil {
			return err
		}
		id[0], value[0], list[0] = '?', '?', '?'
		return nil
	})
	s.has("a", "1")
	s.holds(index("rp", "x"), "a")
	var kept []keystore.Record
	s.view(func(tx keystore.Tx) error {
		r, err := tx.Get([]byte("a"))
		kept = append(kept, r)
		return errors.Join(err, tx.Scan(index("rp", "x"), nil, func(r keystore.Record) error {
			kept = append(kept, r)
			return nil
		}))
	})
	s.put("a", "2")
	for _, r := range kept {
		if string(r.ID) != "a" || string(r.Value) != "1" {
			t.Errorf("a record kept after the transaction is %q", r)
		}
		r.ID = append(r.ID, '?')
		r.ID[0], r.Value[0] = '?', '?'
	}
	s.has("a", "2")
}

func testVaultClose(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	s.put("a", "1")
	in, out, closed := make(chan struct{}), make(chan struct{}), make(chan error)
	go s.View(context.Background(), func(tx keystore.Tx) error {
		close(in)
		<-out
		r, err := tx.Get([]byte("a"))
		if err != nil || string(r.Value) != "1" {
			t.Errorf("Get in a transaction that Close waits for = %q, %v", r.Value, err)
		}
		return nil
	})
	<-in
	go func() { closed <- s.Vault.Close() }()
	close(out)
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Vault.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	never := func(keystore.Tx) error { t.Error("f was called"); return nil }
	wants(t, "View", s.View(t.Context(), never), fs.ErrClosed)
	wants(t, "Update", s.Update(t.Context(), never), fs.ErrClosed)
}

// testVaultConcurrency moves a token between two records: every reader sees it
// in exactly one.
func testVaultConcurrency(t *testing.T, vaults Vaults) {
	s := newShelf(t, vaults)
	x := index("rp", "x")
	s.put("left", "token", x)
	s.put("right", "-", x)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 20 {
				err := s.Update(t.Context(), func(tx keystore.Tx) error {
					l, err := tx.Get([]byte("left"))
					r, err2 := tx.Get([]byte("right"))
					l.Value, r.Value = r.Value, l.Value
					return errors.Join(err, err2, tx.Put(l, x), tx.Put(r, x))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 200 {
				s.view(func(tx keystore.Tx) error {
					var all []byte
					err := tx.Scan(x, nil, func(r keystore.Record) error {
						all = append(all, r.Value...)
						return nil
					})
					if string(all) != "token-" && string(all) != "-token" {
						t.Errorf("a reader saw %q", all)
					}
					return err
				})
			}
		})
	}
	wg.Wait()
}
