package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/software"
)

// cheap is the least work that Argon2id can be.
var cheap = Options{KDF: software.KDF{Time: 1, Memory: 8, Threads: 1}}

// roots opens root files with a passphrase.
func roots() keystoretest.Roots {
	return keystoretest.Roots{
		New: func(t *testing.T) func() (keystore.Root, error) {
			path := filepath.Join(t.TempDir(), "root")
			secret := Passphrase([]byte("correct horse"))
			return func() (keystore.Root, error) {
				r, err := cheap.Open(t.Context(), path, secret)
				if errors.Is(err, fs.ErrNotExist) {
					if err := Create(path, secret, cheap); err != nil {
						return nil, err
					}
					r, err = cheap.Open(t.Context(), path, secret)
				}
				return r, err
			}
		},
	}
}

func TestRoot(t *testing.T) { keystoretest.TestRoot(t, roots()) }

func TestGate(t *testing.T) { keystoretest.TestGate(t, roots()) }
