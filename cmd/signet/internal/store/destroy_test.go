package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func made(t *testing.T) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "dev"), Header{Root: RootFile, Unlock: UnlockPassphrase, Profile: "security-key"}, nothing, func(s *Store) error {
		return errors.Join(writeFile(s.RootPath(), []byte("root")), writeFile(s.VaultPath(), []byte("vault")))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func nothing(*Store) error { return nil }

func TestDestroy(t *testing.T) {
	s := made(t)
	for _, name := range []string{"root.lock", ".root123", "vault.db.new"} {
		if err := writeFile(filepath.Join(s.Path, name), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Destroy(nothing); err != nil {
		t.Error(err)
	}
	if there, err := Exists(s.Path); there || err != nil {
		t.Errorf("left: %v, %v", there, err)
	}
}

// What the root keeps elsewhere goes first: while that fails everything stays.
// Then the root goes, and the header last, so that a crash leaves a store that
// can be destroyed again.
func TestDestroyCutShort(t *testing.T) {
	s := made(t)
	broken := errors.New("broken")
	if err := s.Destroy(func(*Store) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("destroyed: %v", err)
	}
	if _, err := os.Stat(s.RootPath()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(s.RootPath()); err != nil { // as after a crash
		t.Fatal(err)
	}
	if _, err := ReadHeader(s.Path); err != nil {
		t.Error(err)
	}
	if err := s.Destroy(nothing); err != nil {
		t.Error(err)
	}
}

func TestDestroyLeavesOthersFiles(t *testing.T) {
	s := made(t)
	mine := filepath.Join(s.Path, "letter.txt")
	if err := errors.Join(writeFile(mine, nil), os.Mkdir(filepath.Join(s.Path, "root.d"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := s.Destroy(nothing); err == nil || !strings.Contains(err.Error(), "letter.txt, root.d") {
		t.Errorf("destroyed: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if _, err := ReadHeader(s.Path); err == nil {
		t.Error("the header is left")
	}
}
