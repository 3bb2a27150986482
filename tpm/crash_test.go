package tpm

import (
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// Cut and Restore make a device a keystoretest.Power.
func (d *device) Cut(n int, done bool) { d.bus.stop(n, done) }
func (d *device) Restore() bool        { return d.bus.resume() }

func TestCrashes(t *testing.T) {
	keystoretest.TestCrashes(t, keystoretest.Frail{New: func(t *testing.T) (func() (keystore.Root, error), keystoretest.Power) {
		d := created(t)
		return func() (keystore.Root, error) { return d.open(Options{}) }, d
	}})
}
