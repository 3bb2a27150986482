package memory_test

import (
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/memory"
)

func roots(seed func() []byte) keystoretest.Roots {
	return keystoretest.Roots{
		New: func(*testing.T) func() (keystore.Root, error) {
			return func() (keystore.Root, error) { return memory.NewRoot(seed()), nil }
		},
		Forgetful: true,
	}
}

func TestRoot(t *testing.T) {
	random := roots(func() []byte { return nil })
	keystoretest.TestRoot(t, random)
	keystoretest.TestGate(t, random)
}

func TestVault(t *testing.T) {
	keystoretest.TestVault(t, keystoretest.Vaults{
		New: func(*testing.T) func() (keystore.Vault, error) {
			return func() (keystore.Vault, error) { return memory.NewVault(), nil }
		},
		Forgetful: true,
	})
}
