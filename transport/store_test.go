package transport_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/memory"
	"github.com/seed-77d61853/signet/keystore/software"
	"github.com/seed-77d61853/signet/keystore/vault"
)

// A store keeps one device's keys and records while it has no power. The zero
// store is in memory.
type store struct {
	folder string // where the files are; "" in memory
	root   keystore.Root
	vault  keystore.Vault
}

// weak costs tests little.
var weak = file.Options{KDF: software.KDF{Time: 1, Memory: 64, Threads: 1}}

// newStore makes an empty store in a folder that it makes below the given one,
// or in memory where that is "".
func newStore(below string) (*store, error) {
	if below == "" {
		return &store{root: memory.NewRoot(nil), vault: memory.NewVault()}, nil
	}
	folder, err := os.MkdirTemp(below, "device")
	if err != nil {
		return nil, err
	}
	s := &store{folder: folder}
	if err := os.Mkdir(filepath.Dir(s.rootPath()), 0o700); err != nil {
		return nil, err
	}
	if err := file.CreateKeyFile(s.keyPath()); err != nil {
		return nil, err
	}
	if err := file.Create(s.rootPath(), file.KeyFile(s.keyPath()), weak); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *store) keyPath() string   { return filepath.Join(s.folder, "key") }
func (s *store) rootPath() string  { return filepath.Join(s.folder, "store", "root") }
func (s *store) vaultPath() string { return filepath.Join(s.folder, "store", "vault") }

func (s *store) powerOn() error {
	if s.folder == "" {
		return nil
	}
	if err := s.open(vault.Open); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.open(vault.Create)
}

func (s *store) open(openVault func(path string, key []byte) (*vault.Vault, error)) error {
	ctx := context.Background()
	root, err := weak.Open(ctx, s.rootPath(), file.KeyFile(s.keyPath()))
	if err != nil {
		return err
	}
	key, err := root.Derive(ctx, "vault data key", nil, keystore.Installation)
	if err != nil {
		return errors.Join(err, root.Close())
	}
	v, err := openVault(s.vaultPath(), key[:])
	if err != nil {
		return errors.Join(err, root.Close())
	}
	s.root, s.vault = root, v
	return nil
}

func (s *store) powerOff() error {
	if s.folder == "" {
		return nil
	}
	return errors.Join(s.vault.Close(), s.root.Close())
}
