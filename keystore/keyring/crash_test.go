package keyring

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/software"
)

// power cuts off the replacing of the root file: the old one is in its place, or
// the new one.
type power struct {
	left int // steps; 0: no end
	done bool
	cut  bool
}

var errCut = errors.New("the power is off")

func (p *power) Cut(n int, done bool) { p.left, p.done = n, done }

func (p *power) Restore() bool {
	cut := p.cut
	*p = power{}
	return cut
}

func (p *power) step(f func() error) error {
	switch {
	case p.cut:
		return errCut
	case p.left == 1:
		p.cut = true
		if p.done {
			return errors.Join(errCut, f())
		}
		return errCut
	case p.left > 1:
		p.left--
	}
	return f()
}

// frail is a root whose file is written while there is power.
type frail struct {
	*software.Root
	file *file.Root // writes; it holds the lock
}

// open opens a root with its key from the keyring. Its file is written, with the
// same key, by the one call that writes any state: Reseal.
func (p *power) open(ctx context.Context, path string) (keystore.Root, error) {
	opts := Options{KDF: cheap}
	f, err := Open(ctx, path, opts)
	if err != nil {
		return nil, err
	}
	name := f.Header().Salt
	key, err := opts.get(ctx, name)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := frail{f.Root, f}
	return r, r.SaveTo(ctx, func(state *software.State) error {
		return p.step(func() error {
			now := new(software.State)
			b, err := state.AppendBinary(nil)
			if err := errors.Join(err, now.UnmarshalBinary(b)); err != nil {
				return err
			}
			f.Root = software.New(now, software.Options{KDF: cheap})
			return f.Reseal(ctx, file.KeyringKey(name, key))
		})
	})
}

func (r frail) Close() error { return errors.Join(r.Root.Close(), r.file.Close()) }

// testContract runs each contract's suite on roots with their keys in the OS
// keyring, or in its mock.
func testContract(t *testing.T) {
	t.Run("Root", func(t *testing.T) { keystoretest.TestRoot(t, roots()) })
	t.Run("Gate", func(t *testing.T) { keystoretest.TestGate(t, roots()) })
	t.Run("Crashes", func(t *testing.T) {
		keystoretest.TestCrashes(t, keystoretest.Frail{New: func(t *testing.T) (func() (keystore.Root, error), keystoretest.Power) {
			p, path := new(power), kill.New(t)
			return func() (keystore.Root, error) { return p.open(t.Context(), path) }, p
		}})
	})
}
