package file

import (
	"errors"
	"os"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/software"
)

// power cuts the writing of the file short: with nothing written, with half or
// all of the new file beside the old one, and with the new one in its place.
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

// save writes as replace does, step by step.
func (p *power) save(r *Root) func(*software.State) error {
	return func(state *software.State) error {
		data, err := r.seal.encode(state)
		if err != nil {
			return err
		}
		for _, part := range [][]byte{{}, data[:len(data)/2], data} {
			if err := p.step(func() error { return os.WriteFile(r.path+".new", part, 0o600) }); err != nil {
				return err
			}
		}
		return p.step(func() error { return replace(r.path, data) })
	}
}

func TestCrashes(t *testing.T) {
	keystoretest.TestCrashes(t, keystoretest.Frail{New: func(t *testing.T) (func() (keystore.Root, error), keystoretest.Power) {
		p := new(power)
		path := created(t, horse)
		return func() (keystore.Root, error) {
			r, err := cheap.Open(t.Context(), path, horse)
			if err != nil {
				return nil, err
			}
			return r, r.SaveTo(t.Context(), p.save(r))
		}, p
	}})
}
