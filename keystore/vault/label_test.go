package vault

import (
	"errors"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
)

// TestLabel: the first label stays, also when all records go, and nobody without
// the vault's key writes another.
func TestLabel(t *testing.T) {
	path := filled(t, 3)
	label := func(with string) (string, error) {
		v := mustOpen(t, path)
		defer v.Close()
		got, err := v.Label(t.Context(), []byte(with))
		return string(got), err
	}
	for _, with := range []string{"one", "another", "a third"} {
		if got, err := label(with); got != "one" || err != nil {
			t.Errorf("labelled with %q: it is %q, %v", with, got, err)
		}
		v := mustOpen(t, path)
		if err := v.Update(t.Context(), func(tx keystore.Tx) error { return tx.Wipe() }); err != nil {
			t.Fatal(err)
		}
		v.Close()
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:nonceSize] },
		func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		func(b []byte) []byte { b[nonceSize] ^= 'o' ^ 'O'; return b },
	} {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		var good []byte
		err = db.Update(func(tx *bolt.Tx) error {
			header := tx.Bucket(headerBucket)
			good = append(good, header.Get(labelEntry)...)
			return header.Put(labelEntry, damage(append([]byte{}, good...)))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := label("other"); !errors.Is(err, keystore.ErrCorrupt) {
			t.Errorf("a changed label gives %q, %v", got, err)
		}
		db, err = bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(headerBucket).Put(labelEntry, good) })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
