//go:build linux

package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/keystore"
)

// TestStateRemoved removes each entry of a vault in turn, which takes no key, and
// lets store.yaml say that the passkeys may be copied, and that the device is of
// the other kind: none of it makes the device say so.
func TestStateRemoved(t *testing.T) {
	m := newMovable(t, rootHeaders()[store.RootFile](t))
	path, header := filepath.Join(m.path, "vault.db"), filepath.Join(m.path, "store.yaml")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, edit := range []struct{ from, to string }{
		{"copyable: false", "copyable: true"},
		{"profile: security-key", "profile: platform"},
	} {
		edited := bytes.Replace(good, []byte(edit.from), []byte(edit.to), 1)
		if bytes.Equal(edited, good) {
			t.Fatalf("%s does not say %s", header, edit.from)
		}
		mustWrite(t, header, edited)
		for n := 0; ; n++ {
			mustWrite(t, path, whole)
			if !removeEntry(t, path, n) {
				break
			}
			entries++
			err := m.openError()
			if err == nil {
				t.Errorf("%s, and entry %d is gone: it opens", edit.to, n)
			}
		}
	}
	if entries < 10 {
		t.Errorf("%d entries", entries)
	}
	mustWrite(t, header, good)
	mustWrite(t, path, whole)
	if err := m.openError(); err != nil {
		t.Error(err)
	}
}

// TestStateLost: what a person is told where the state is gone.
func TestStateLost(t *testing.T) {
	m := newEmpty(t, rootHeaders()[store.RootFile](t))
	if !removeEntry(t, filepath.Join(m.path, "vault.db"), 0) {
		t.Fatal("there is no record")
	}
	err := m.openError()
	if !errors.Is(err, keystore.ErrCorrupt) || new(config).remedy(err) == "" {
		t.Errorf("%v, and what to do: %q", err, new(config).remedy(err))
	}
}

func mustWrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// openError opens the device, and closes it again.
func (m *movable) openError() error {
	unlock := func(store.Header) (rootSecrets, error) { return rootSecrets{}, nil }
	dev, err := openDevice(m.t.Context(), m.path, opening{unlock: unlock, user: consent.Policy{Approve: true}, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return dev.Close(m.t.Context())
}

// removeEntry removes the nth entry, records first, of a vault's file.
func removeEntry(t *testing.T, path string, n int) (there bool) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{"records", "lists", "signet vault"} {
			bucket := tx.Bucket([]byte(name))
			c := bucket.Cursor()
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				if n == 0 {
					there = true
					return bucket.Delete(k)
				}
				n--
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}
