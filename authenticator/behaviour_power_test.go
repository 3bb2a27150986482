package authenticator_test

import (
	"context"
	"errors"

	"github.com/seed-77d61853/signet/keystore"
)

// What happens when the power fails: roots and vaults that stop at a chosen
// moment, and the device that wakes up with what was on disk by then.

var errPower = errors.New("the power failed")

// powerFailsAtTry tries a PIN; the power fails right after the gate has spent
// the try, before it has told what it thinks of it.
func (b *bench) powerFailsAtTry(pin string) {
	b.Helper()
	root := b.config.Root
	b.restartWith(failingRoot{root}, b.config.Vault)
	if got := b.ask(oldTokenRequest(b.secret(2), pin)); got.status == success {
		b.Errorf("a token without a word from the gate")
	}
	b.config.Root = root
	b.kill()
}

// restartWith starts the device with another root and vault.
func (b *bench) restartWith(root keystore.Root, vault keystore.Vault) {
	b.Helper()
	b.stop()
	b.config.Root, b.config.Vault = root, vault
	b.start()
}

// failingRoot loses its power when a PIN is tried.
type failingRoot struct{ keystore.Root }

func (r failingRoot) Gate() keystore.Gate { return failingGate{r.Root.Gate()} }

type failingGate struct{ keystore.Gate }

func (g failingGate) Open(ctx context.Context, pinHash []byte) error {
	wrong := make([]byte, len(pinHash)) // spends the try, whatever was typed
	if err := g.Gate.Open(ctx, wrong); !errors.Is(err, keystore.ErrWrongPIN) {
		return err
	}
	return errPower
}

// failingVault loses its power at a chosen write: nothing of it is kept, and
// nothing works afterwards.
type failingVault struct {
	keystore.Vault
	writesLeft *int
}

func (v failingVault) View(ctx context.Context, f func(keystore.Tx) error) error {
	if *v.writesLeft < 0 {
		return errPower
	}
	return v.Vault.View(ctx, f)
}

func (v failingVault) Update(ctx context.Context, f func(keystore.Tx) error) error {
	if *v.writesLeft--; *v.writesLeft < 0 {
		return errPower
	}
	return v.Vault.Update(ctx, f)
}
