package software

import (
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// power is a disk whose writes fail from one on.
type power struct {
	*disk
	cut bool
}

func (p *power) Cut(n int, done bool) {
	p.n = 0
	p.fail = func(now int) (before, after error) {
		switch p.cut = p.cut || now >= n; {
		case now == n && done:
			return nil, errDisk
		case now >= n:
			return errDisk, nil
		}
		return nil, nil
	}
}

func (p *power) Restore() bool {
	p.fail = nil
	return p.cut
}

func TestCrashes(t *testing.T) {
	keystoretest.TestCrashes(t, keystoretest.Frail{New: func(*testing.T) (func() (keystore.Root, error), keystoretest.Power) {
		p := &power{disk: newDisk()}
		return func() (keystore.Root, error) { return p.open(), nil }, p
	}})
}
