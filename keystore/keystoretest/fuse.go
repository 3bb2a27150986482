package keystoretest

import (
	"context"
	"errors"
	"math"

	"github.com/seed-77d61853/signet/keystore"
)

// ErrBlown is what a store answers behind a fuse that has blown.
var ErrBlown = errors.New("the process is dead")

// A Fuse blows at one step of what changes a root or a vault: a process that is
// killed between two steps on its stores, or in the middle of one. It is to be
// used by one goroutine at a time.
type Fuse struct {
	// After tells that the step at which it blows still happens, though nobody
	// hears of it.
	After bool
	// Kill ends the process; nil: the stores answer ErrBlown from then on.
	Kill func()

	steps int // that still happen; below 0: blown
}

// NewFuse makes a fuse that does not burn yet.
func NewFuse() *Fuse { return &Fuse{steps: math.MaxInt} }

// Light lets the fuse blow after as many steps.
func (f *Fuse) Light(steps int) { f.steps = steps }

// Blown tells whether it has come to that.
func (f *Fuse) Blown() bool { return f.steps < 0 }

func (f *Fuse) step(do func() error) error {
	if f.steps < 0 {
		return ErrBlown
	}
	f.steps--
	if f.steps >= 0 {
		return do()
	}
	if f.After {
		_ = do() // its answer is lost with the process
	}
	if f.Kill != nil {
		f.Kill()
	}
	return ErrBlown
}

// Vault puts the fuse before a vault: each Update is a step.
func (f *Fuse) Vault(v keystore.Vault) keystore.Vault { return fusedVault{v, f} }

// Root puts the fuse before a root: Reset and what changes its gate are steps.
func (f *Fuse) Root(r keystore.Root) keystore.Root { return fusedRoot{r, f} }

type fusedVault struct {
	keystore.Vault
	fuse *Fuse
}

func (v fusedVault) Update(ctx context.Context, f func(keystore.Tx) error) error {
	return v.fuse.step(func() error { return v.Vault.Update(ctx, f) })
}

type fusedRoot struct {
	keystore.Root
	fuse *Fuse
}

func (r fusedRoot) Gate() keystore.Gate { return fusedGate{r.Root.Gate(), r.fuse} }

func (r fusedRoot) Reset(ctx context.Context) error {
	return r.fuse.step(func() error { return r.Root.Reset(ctx) })
}

type fusedGate struct {
	keystore.Gate
	fuse *Fuse
}

func (g fusedGate) SetPIN(ctx context.Context, hash []byte) error {
	return g.fuse.step(func() error { return g.Gate.SetPIN(ctx, hash) })
}

func (g fusedGate) Open(ctx context.Context, hash []byte) error {
	return g.fuse.step(func() error { return g.Gate.Open(ctx, hash) })
}
