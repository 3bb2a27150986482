package keystoretest

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

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
