package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

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
