package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

var header = Header{Root: RootFile, Unlock: UnlockPassphrase, Profile: "security-key", Copyable: true}

func create(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "share", "signet", "default")
	s, err := Create(path, header, nothing, func(s *Store) error { return os.WriteFile(s.RootPath(), []byte("secret"), 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateAndOpen(t *testing.T) {
	path := create(t)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Root != RootFile || s.Profile != "security-key" || !s.Copyable || len(s.ID) != 32 || s.Version != Version {
		t.Errorf("header is %+v", s.Header)
	}
	if b, err := os.ReadFile(s.RootPath()); err != nil || string(b) != "secret" {
		t.Errorf("root file holds %q, %v", b, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", fi.Mode(), err)
	}
	if got := files(t, path); !slices.Equal(got, []string{"lock", "root", "store.yaml"}) {
		t.Errorf("the folder holds %q", got)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the building site is left: %v", err)
	}
	var busy *BusyError
	if _, err := Open(path); !errors.As(err, &busy) || !errors.Is(err, keystore.ErrInUse) {
		t.Errorf("a second Open = %v", err)
	}
	if _, err := Create(path, header, nothing, nothing); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a store = %v", err)
	}
}

func TestReadHeaderRefuses(t *testing.T) {
	path := create(t)
	name := filepath.Join(path, headerFile)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, content string
		want          error
	}{
		{"empty", "", keystore.ErrCorrupt},
		{"not YAML", "\x00\x01", keystore.ErrCorrupt},
		{"cut short", string(good[:30]), keystore.ErrCorrupt},
		{"cut between lines", string(good[:bytes.Index(good, []byte("profile:"))]), keystore.ErrCorrupt},
		{"its last line cut off", string(good[:bytes.Index(good, []byte("created:"))]), keystore.ErrCorrupt},
		{"unknown key", string(good) + "colour: red\n", keystore.ErrCorrupt},
		{"of a generation below all", string(good) + "generation: -1\n", keystore.ErrCorrupt},
		{"newer", "version: 2\nsomething: else\n", keystore.ErrNewerSchema},
	} {
		if err := os.WriteFile(name, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	os.Remove(name)
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no header: %v", err)
	}
}
