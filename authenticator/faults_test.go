package authenticator

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

var errFull = errors.New("the disk is full")

// faultyVault fails its updates while full, but for the first few.
type faultyVault struct {
	keystore.Vault
	full  bool
	first int // that still succeed
}

func (v *faultyVault) Update(ctx context.Context, f func(keystore.Tx) error) error {
	if v.full && v.first == 0 {
		return errFull
	}
	v.first--
	return v.Vault.Update(ctx, f)
}

type faultyRoot struct {
	keystore.Root
	full bool
}

func (r *faultyRoot) Reset(ctx context.Context) error {
	if r.full {
		return errFull
	}
	return r.Root.Reset(ctx)
}

// TestFailedReset: a reset that fails half way is finished before anything else
// is done, so that nothing is made that would go with it later.
func TestFailedReset(t *testing.T) {
	ctx := t.Context()
	root, vault := &faultyRoot{Root: memory.NewRoot(nil)}, memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	_, err := d.register(ctx, rpID, "before", nil, nil)
	mustBe(t, "register", err, nil)
	root.full = true
	mustBe(t, "reset", d.send(ctx, ctap.CommandReset, nil, nil), ctap.ErrOther)
	_, err = d.register(ctx, rpID, "meanwhile", nil, nil)
	mustBe(t, "register on a half reset device", err, ctap.ErrOther)
	root.full = false
	_, err = d.login(ctx, rpID, nil, nil)
	mustBe(t, "sign in after the reset", err, ctap.ErrNoCredentials)
	_, err = d.register(ctx, rpID, "after", nil, nil)
	mustBe(t, "register after the reset", err, nil)
	again := newDevice(t, Config{Root: root, Vault: vault})
	_, err = again.login(ctx, rpID, nil, nil)
	mustBe(t, "sign in after a start", err, nil)
}

// TestFirstPINUnconfirmed: where the gate has taken the first PIN and the vault
// could not be told, the right PIN tells it.
func TestFirstPINUnconfirmed(t *testing.T) {
	ctx := t.Context()
	vault := &faultyVault{Vault: memory.NewVault()}
	d := newDevice(t, Config{Vault: vault})
	vault.full, vault.first = true, 1
	mustBe(t, "set PIN", d.setPIN(ctx, "123456"), ctap.ErrOther)
	vault.full = false
	if !opens(t, d, "123456") {
		t.Fatal("the gate has not taken the PIN")
	}
	if d.state.PINCodePoints != 6 {
		t.Errorf("PIN is remembered with %d code points", d.state.PINCodePoints)
	}
}
