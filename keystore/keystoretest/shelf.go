package keystoretest

import (
	"context"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

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
