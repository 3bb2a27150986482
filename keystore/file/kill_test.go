package file

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

var kill = keystoretest.Kill{
	New: func(t *testing.T) string { return created(t, horse) },
	Open: func(ctx context.Context, path string) (keystore.Root, error) {
		return cheap.Open(ctx, path, horse)
	},
}

func TestMain(m *testing.M) {
	if !kill.Victim() {
		os.Exit(m.Run())
	}
}

func TestKilled(t *testing.T) { keystoretest.TestKilled(t, kill) }

func pinNumber(n int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:16]
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
