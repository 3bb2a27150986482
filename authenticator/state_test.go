package authenticator

import (
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// foundVault is a vault that was found, or one that was made.
type foundVault struct {
	keystore.Vault
	made bool
}

func (v foundVault) New() bool { return v.made }

// TestStateGone: a vault that was found without the device's state is damaged,
// not new: a fresh state would have neither the settings nor what sites were told.
func TestStateGone(t *testing.T) {
	ctx, root, vault := t.Context(), memory.NewRoot(nil), memory.NewVault()
	start := func(made, copyable bool) error {
		a, err := New(ctx, Config{Root: root, Vault: foundVault{vault, made}, Copyable: copyable})
		if err != nil {
			return err
		}
		if a.Copyable() {
			t.Error("a device's passkeys became copyable")
		}
		return a.Close(ctx)
	}
	mustBe(t, "an empty vault that was found", start(false, false), keystore.ErrCorrupt)
	mustBe(t, "one that was made", start(true, false), nil)
	mustBe(t, "the same, found", start(false, true), nil)
	err := vault.Update(ctx, func(tx keystore.Tx) error { return tx.Delete(stateID) })
	mustBe(t, "delete", err, nil)
	mustBe(t, "a vault that lost its state", start(false, true), keystore.ErrCorrupt)
}

// TestFirstStateInMemory: whatever is first put into a vault in memory, the device's
// state goes with it.
func TestFirstStateInMemory(t *testing.T) {
	ctx, root := t.Context(), memory.NewRoot(nil)
	for name, change := range map[string]func(*Authenticator) error{
		"large blobs": func(a *Authenticator) error {
			a.turn.Lock()
			defer a.turn.Unlock()
			return a.commitBlob(ctx, initialLargeBlobs())
		},
		"a PIN's rules": func(a *Authenticator) error {
			a.turn.Lock()
			defer a.turn.Unlock()
			return a.change(ctx, func(s *state) { s.AlwaysUv = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			vault := memory.NewVault()
			first, err := New(ctx, Config{Root: root, Vault: vault, Copyable: true})
			mustBe(t, "start", err, nil)
			mustBe(t, "change", change(first), nil)
			again, err := New(ctx, Config{Root: root, Vault: vault})
			mustBe(t, "start again", err, nil)
			if again.state.DeviceID != first.state.DeviceID || !again.Copyable() {
				t.Error("another device has started on the vault")
			}
		})
	}
}
