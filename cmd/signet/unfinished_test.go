package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/tpm"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// TestInitClearsTheChip: what an init that was killed has left in a TPM goes with
// the next one, although that makes another kind of root.
func TestInitClearsTheChip(t *testing.T) {
	dir, chip := t.TempDir(), tpmtest.New(t)
	path := filepath.Join(dir, "dev")
	indices := func() int {
		t.Helper()
		h, err := tpm.Inspect(t.Context(), chip.Open)
		if err != nil {
			t.Fatal(err)
		}
		return len(h.Indices)
	}
	killed := errors.New("killed")
	h := store.Header{Root: store.RootTPM, TPM: socketPrefix + chip.Socket(), Profile: store.ProfileSecurityKey}
	nothing := func(*store.Store) error { return nil }
	_, err := store.Create(filepath.Join(dir, "other"), h, nothing, func(s *store.Store) error {
		if err := createRoot(t.Context(), s, rootSecrets{}); err != nil {
			return err
		}
		return errors.Join(killed, os.Rename(s.Path, path+".new"))
	})
	if !errors.Is(err, killed) || indices() == 0 {
		t.Fatalf("left %d indices, %v", indices(), err)
	}
	next := store.Header{Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: filepath.Join(dir, "key"), Profile: store.ProfileSecurityKey}
	if err := createDevice(t.Context(), path, next, rootSecrets{}, nil); err != nil {
		t.Fatal(err)
	}
	if n := indices(); n != 0 {
		t.Errorf("%d indices are left", n)
	}
}
