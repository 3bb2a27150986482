package keyring

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// kill needs a keyring that outlives the process.
var kill = keystoretest.Kill{
	New: func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "root")
		if err := Create(t.Context(), path, Options{KDF: cheap}); err != nil {
			t.Fatal(err)
		}
		return path
	},
	Open: func(ctx context.Context, path string) (keystore.Root, error) {
		return Open(ctx, path, Options{KDF: cheap})
	},
}

func TestMain(m *testing.M) {
	if !kill.Victim() {
		os.Exit(m.Run())
	}
}
