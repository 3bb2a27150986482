package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

var testKey = bytes.Repeat([]byte{7}, 32)

func TestVault(t *testing.T) {
	keystoretest.TestVault(t, keystoretest.Vaults{
		New: func(t *testing.T) func() (keystore.Vault, error) {
			path := filepath.Join(t.TempDir(), "vault")
			return func() (keystore.Vault, error) {
				v, err := Open(path, testKey)
				if errors.Is(err, fs.ErrNotExist) {
					v, err = Create(path, testKey)
				}
				return v, err
			}
		},
	})
}

var rp = keystore.Index{Kind: "rp", Value: []byte("relying party of the list")}

// filled makes a vault of n records, closed again.
func filled(t testing.TB, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vault")
	v, err := Create(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, v, n)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func fill(t testing.TB, v *Vault, n int) {
	t.Helper()
	for at := 0; at < n; {
		err := v.Update(t.Context(), func(tx keystore.Tx) error {
			for range min(n-at, 10000) {
				if err := tx.Put(recordOf(at), rp); err != nil {
					return err
				}
				at++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func idOf(i int) []byte { return fmt.Appendf(nil, "the credential ID of number %d", i) }

func recordOf(i int) keystore.Record {
	value := fmt.Appendf(nil, "login.example.org, person %d: ", i)
	return keystore.Record{ID: idOf(i), Value: append(value, bytes.Repeat([]byte("name "), 50)...)}
}

func mustOpen(t testing.TB, path string) *Vault {
	t.Helper()
	v, err := Open(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// refuses checks that a vault does not open, with an error that names the file.
func refuses(t *testing.T, what, path string, key []byte, want error) {
	t.Helper()
	v, err := Open(path, key)
	if err == nil {
		v.Close()
		t.Errorf("%s: the vault opened", what)
	} else if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
		t.Errorf("%s: error %q, want %v, naming %s", what, err, want, path)
	}
}

func TestOpenRefuses(t *testing.T) {
	path := filled(t, 3)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, "another key", path, bytes.Repeat([]byte{8}, 32), ErrWrongKey)
	if _, err := Open(path, testKey[:31]); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
	refuses(t, "no file", path+"x", testKey, fs.ErrNotExist)
	refuses(t, "no folder", filepath.Join(path+"x", "vault"), testKey, fs.ErrNotExist)
	if _, err := os.Stat(path + "x"); err == nil {
		t.Error("opening made a file")
	}
	if v, err := Open(filepath.Dir(path), testKey); err == nil {
		v.Close()
		t.Error("a folder opened as a vault")
	}
	if v, err := Create(path, testKey); !errors.Is(err, fs.ErrExist) {
		v.Close()
		t.Errorf("Create over a vault: %v", err)
	}

	v := mustOpen(t, path)
	refuses(t, "in use", path, testKey, keystore.ErrInUse)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}

	if runtime.GOOS != "windows" {
		for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, testKey); err == nil || !strings.Contains(err.Error(), "0600") {
				t.Errorf("mode %04o: %v", mode, err)
			}
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("refusing changed the file: %v", err)
	}
	mustOpen(t, path)
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault")
	// What an interrupted creation left is no obstacle.
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := Create(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("files: %q", names)
	}
	if !v.New() {
		t.Error("a vault that was made is not new")
	}
	if _, err := Create(filepath.Join(path+"x", "vault"), testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create without a folder: %v", err)
	}
	if _, err := Create(filepath.Join(path, "vault"), testKey); err == nil {
		t.Error("Create took a file for a folder")
	}
}

// edit changes the file as bbolt would.
func edit(t *testing.T, path string, f func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

func TestHeader(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(tx *bolt.Tx) error
		want error
	}{
		{"newer schema", func(tx *bolt.Tx) error {
			return tx.Bucket(headerBucket).Put(schemaEntry, binary.BigEndian.AppendUint32(nil, schema+1))
		}, keystore.ErrNewerSchema},
		{"schema zero", func(tx *bolt.Tx) error {
			return tx.Bucket(headerBucket).Put(schemaEntry, make([]byte, 4))
		}, keystore.ErrCorrupt},
		{"no schema", func(tx *bolt.Tx) error { return tx.Bucket(headerBucket).Delete(schemaEntry) }, keystore.ErrCorrupt},
		{"no check", func(tx *bolt.Tx) error { return tx.Bucket(headerBucket).Delete(checkEntry) }, keystore.ErrCorrupt},
		{"no header", func(tx *bolt.Tx) error { return tx.DeleteBucket(headerBucket) }, keystore.ErrCorrupt},
		{"no records", func(tx *bolt.Tx) error { return tx.DeleteBucket(recordBucket) }, keystore.ErrCorrupt},
		{"no lists", func(tx *bolt.Tx) error { return tx.DeleteBucket(listBucket) }, keystore.ErrCorrupt},
	} {
		path := filled(t, 1)
		edit(t, path, test.edit)
		refuses(t, test.name, path, testKey, test.want)
	}
}

// TestTellsNothing looks for what went in, in what is on disk.
func TestTellsNothing(t *testing.T) {
	data, err := os.ReadFile(filled(t, 100))
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"credential ID", "example.org", "person", "name name", "relying party", "rp\x00", string(testKey[:8])} {
		if bytes.Contains(data, []byte(plain)) {
			t.Errorf("the file shows %q", plain)
		}
	}
	if !bytes.Contains(data, headerBucket) {
		t.Error("the search does not find what is there")
	}
}

// TestTampering changes entries as someone with the file but without the key
// can: the vault tells, and names the record or the file.
func TestTampering(t *testing.T) {
	keys, err := newKeys(testKey)
	if err != nil {
		t.Fatal(err)
	}
	a, b := keys.recordKey(idOf(0)), keys.recordKey(idOf(1))
	prefix := keys.listPrefix(rp)
	for _, test := range []struct {
		name      string
		edit      func(tx *bolt.Tx) error
		get, scan error // for record 0, and the list
	}{
		{"swapped values", func(tx *bolt.Tx) error {
			r := tx.Bucket(recordBucket)
			x, y := bytes.Clone(r.Get(a[:])), bytes.Clone(r.Get(b[:]))
			return errors.Join(r.Put(a[:], y), r.Put(b[:], x))
		}, keystore.ErrCorrupt, keystore.ErrCorrupt},
		{"a changed value", func(tx *bolt.Tx) error {
			r := tx.Bucket(recordBucket)
			x := bytes.Clone(r.Get(a[:]))
			x[len(x)-1] ^= 1
			return r.Put(a[:], x)
		}, keystore.ErrCorrupt, keystore.ErrCorrupt},
		{"a cut value", func(tx *bolt.Tx) error {
			return tx.Bucket(recordBucket).Put(a[:], make([]byte, 5))
		}, keystore.ErrCorrupt, keystore.ErrCorrupt},
		{"a bucket for a value", func(tx *bolt.Tx) error {
			r := tx.Bucket(recordBucket)
			_, err := r.CreateBucket([]byte("bucket"))
			return err
		}, nil, nil},
		{"a record gone", func(tx *bolt.Tx) error {
			return tx.Bucket(recordBucket).Delete(a[:])
		}, fs.ErrNotExist, keystore.ErrCorrupt},
		{"a list that names another's record", func(tx *bolt.Tx) error {
			p := placeOn(prefix, 1)
			return tx.Bucket(listBucket).Put(p[:], b[:])
		}, nil, keystore.ErrCorrupt},
		{"a list with one more", func(tx *bolt.Tx) error {
			p := placeOn(prefix, 77)
			return tx.Bucket(listBucket).Put(p[:], a[:])
		}, nil, keystore.ErrCorrupt},
		{"a list with noise", func(tx *bolt.Tx) error {
			return tx.Bucket(listBucket).Put(append(prefix[:], 1), []byte("noise"))
		}, nil, keystore.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t, 2)
			edit(t, path, test.edit)
			v := mustOpen(t, path)
			err := v.View(t.Context(), func(tx keystore.Tx) error {
				_, err := tx.Get(idOf(0))
				if !errors.Is(err, test.get) {
					t.Errorf("Get: %v, want %v", err, test.get)
				}
				if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%x", idOf(0))) {
					t.Errorf("the error does not name the record: %v", err)
				}
				err = tx.Scan(rp, nil, func(keystore.Record) error { return nil })
				if !errors.Is(err, test.scan) {
					t.Errorf("Scan: %v, want %v", err, test.scan)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			err = v.Update(t.Context(), func(tx keystore.Tx) error { return tx.Put(recordOf(0), rp) })
			if errors.Is(test.get, keystore.ErrCorrupt) != errors.Is(err, keystore.ErrCorrupt) {
				t.Errorf("Put over it: %v", err)
			}
		})
	}
}
