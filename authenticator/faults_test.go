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

// lostGate is a root whose gate somebody destroyed, until it is reset.
type lostGate struct {
	keystore.Root
	lost *bool
}

func (r lostGate) Gate() keystore.Gate { return lostGateState{r.Root.Gate(), r.lost} }

func (r lostGate) Reset(ctx context.Context) error {
	*r.lost = false
	return r.Root.Reset(ctx)
}

type lostGateState struct {
	keystore.Gate
	lost *bool
}

func (g lostGateState) State(ctx context.Context) (keystore.GateState, error) {
	if *g.lost {
		return keystore.GateState{}, keystore.ErrGateLost
	}
	return g.Gate.State(ctx)
}

// TestGateLost: passkeys that need no PIN outlive the gate, nothing is taken for
// a device without a PIN, and a reset makes it whole.
func TestGateLost(t *testing.T) {
	lost := false
	root, vault := lostGate{memory.NewRoot(nil), &lost}, memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	_, err := d.register(t.Context(), rpID, "user", nil, nil)
	mustBe(t, "register", err, nil)
	mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
	lost = true
	d = newDevice(t, Config{Root: root, Vault: vault})
	_, err = d.login(t.Context(), rpID, nil, nil)
	mustBe(t, "sign in", err, nil)
	_, err = d.register(t.Context(), rpID, "other", nil, nil)
	mustBe(t, "register without a PIN", err, ctap.ErrPUATRequired)
	mustBe(t, "set a first PIN", d.setPIN(t.Context(), "4321"), ctap.ErrPINAuthInvalid)
	_, err = d.pinToken(t.Context(), "1234", ctap.PermissionGA, rpID)
	mustBe(t, "the PIN of before", err, ctap.ErrOther)
	mustBe(t, "reset", d.send(t.Context(), ctap.CommandReset, nil, nil), nil)
	mustBe(t, "set PIN", d.setPIN(t.Context(), "4321"), nil)
	if !opens(t, d, "4321") {
		t.Error("the new PIN is not right")
	}
}
