package vault

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
)

// labelled makes a vault of three records with a label, closed again.
func labelled(t *testing.T, label string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vault")
	v, err := Create(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	fill(t, v, 3)
	if got, err := v.Label(t.Context(), []byte(label)); string(got) != label || err != nil {
		t.Fatalf("labelled with %q: it is %q, %v", label, got, err)
	}
	return path
}

// first makes of a vault one of the first schema.
func first(t *testing.T, path string) {
	t.Helper()
	keys, err := newKeys(testKey)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error {
		header := tx.Bucket(headerBucket)
		return errors.Join(
			header.Put(schemaEntry, []byte{0, 0, 0, 1}),
			header.Put(checkEntry, keys.checks[0][:]))
	})
}

func unlabel(tx *bolt.Tx) error { return tx.Bucket(headerBucket).Delete(labelEntry) }

// TestLabelGone: a label that was removed does not make room for another, also
// not by a schema under which there may be none.
func TestLabelGone(t *testing.T) {
	path := labelled(t, "one")
	edit(t, path, unlabel)
	v := mustOpen(t, path)
	if got, err := v.Label(t.Context(), []byte("other")); !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("a label that is gone becomes %q, %v", got, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(headerBucket).Put(schemaEntry, []byte{0, 0, 0, 1}) })
	refuses(t, "the first schema, without its check", path, testKey, ErrWrongKey)
}

// TestFirstSchema: a vault of the first schema opens, labelled or not, and has
// the present one from then on.
func TestFirstSchema(t *testing.T) {
	for _, before := range []string{"one", ""} {
		path := labelled(t, before)
		if before == "" {
			edit(t, path, unlabel)
		}
		first(t, path)
		want := before
		for _, with := range []string{"other", "another"} {
			v := mustOpen(t, path)
			if want == "" {
				want = with
			}
			if v.New() {
				t.Error("a vault that was found is new")
			}
			if got, err := v.Label(t.Context(), []byte(with)); string(got) != want || err != nil {
				t.Errorf("of the first schema with label %q, labelled with %q: it is %q, %v", before, with, got, err)
			}
			v.Close()
		}
		edit(t, path, unlabel)
		if got, err := mustOpen(t, path).Label(t.Context(), nil); !errors.Is(err, keystore.ErrCorrupt) {
			t.Errorf("it became one of this schema, and lost its label: %q, %v", got, err)
		}
	}
}

// TestLabel: the first label stays, also when all records go, and nobody without
// the vault's key writes another.
func TestLabel(t *testing.T) {
	path := labelled(t, "one")
	label := func(with string) (string, error) {
		v := mustOpen(t, path)
		defer v.Close()
		got, err := v.Label(t.Context(), []byte(with))
		return string(got), err
	}
	for _, with := range []string{"another", "a third"} {
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
