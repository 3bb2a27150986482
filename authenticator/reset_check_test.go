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
