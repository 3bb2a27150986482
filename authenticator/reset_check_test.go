package authenticator

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// guarded is a root that is only reset with something that its owner has to give.
type guarded struct {
	keystore.Root
	lacks error
}

func (g *guarded) CheckReset(context.Context) error { return g.lacks }

func (g *guarded) Reset(ctx context.Context) error {
	if g.lacks != nil {
		return g.lacks
	}
	return g.Root.Reset(ctx)
}

// TestResetThatCannotBe: a reset that the root is bound to refuse leaves the
// device as it was, also across a restart.
func TestResetThatCannotBe(t *testing.T) {
	lacks := errors.New("no owner password")
	root, vault := &guarded{memory.NewRoot(nil), lacks}, memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	if err := d.Erase(t.Context()); !errors.Is(err, lacks) {
		t.Fatalf("the reset ends with %v", err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = newDevice(t, Config{Root: root, Vault: vault})
	root.lacks = nil
	if err := d.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// broken is a root whose reset fails though nothing spoke against it.
type broken struct {
	keystore.Root
	err error
}

func (b *broken) Reset(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	return b.Root.Reset(ctx)
}

// TestResetBegun: a reset that fails half way says that it cannot be undone, and
// who finishes it can say so.
func TestResetBegun(t *testing.T) {
	full := errors.New("disk full")
	root, vault := &broken{memory.NewRoot(nil), full}, memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	if err := d.Erase(t.Context()); !errors.Is(err, full) || !errors.Is(err, ErrResetBegun) {
		t.Errorf("the reset ends with %v", err)
	}
	if d.FinishedReset() {
		t.Error("it is finished")
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	root.err = nil
	for start, finishes := range []bool{true, false} {
		d = newDevice(t, Config{Root: root, Vault: vault})
		if d.FinishedReset() != finishes {
			t.Errorf("start %d: finished: %v", start, !finishes)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
