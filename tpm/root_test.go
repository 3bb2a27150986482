package tpm

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// roots opens roots on one chip, as many as a test wants.
func roots(opts Options) keystoretest.Roots {
	return keystoretest.Roots{New: func(t *testing.T) func() (keystore.Root, error) {
		chip := tpmtest.New(t)
		path := filepath.Join(t.TempDir(), "root")
		return func() (keystore.Root, error) {
			r, err := Open(t.Context(), path, chip.Open, opts)
			if errors.Is(err, fs.ErrNotExist) {
				if err := Create(t.Context(), path, chip.Open, opts); err != nil {
					return nil, err
				}
				r, err = Open(t.Context(), path, chip.Open, opts)
			}
			if err != nil {
				return nil, err
			}
			return r, nil
		}
	}}
}

func TestRoot(t *testing.T) { keystoretest.TestRoot(t, roots(Options{})) }

func TestGate(t *testing.T) { keystoretest.TestGate(t, roots(Options{})) }
