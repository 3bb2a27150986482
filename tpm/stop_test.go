package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// stops runs what f does on copies of a device, with the power cut at each
// command, once before the chip has it and once before its answer arrives.
func stops(t *testing.T, d *device, f func(d *device) error, then func(t *testing.T, d *device)) {
	t.Helper()
	total := 0
	for n := 1; ; n++ {
		cut := false
		for _, sent := range []bool{false, true} {
			c := d.clone(t)
			// The root starts before the power goes.
			c.bus.stop(n, sent)
			err := f(c)
			if cut = c.bus.resume(); !cut {
				must(t, "without a cut", err)
			}
			t.Run(fmt.Sprintf("%d,sent=%v", n, sent), func(t *testing.T) {
				c.t = t
				then(t, c)
			})
			c.chip.Cut()
			if !cut {
				break
			}
		}
		if !cut {
			break
		}
		total = n
	}
	t.Logf("stopped at each of %d commands", total)
}

// opened does f with a device's root, and closes it.
func opened(f func(r *Root) error) func(d *device) error {
	return func(d *device) error {
		r, err := d.open(Options{})
		if err != nil {
			return err
		}
		defer r.Close()
		return f(r)
	}
}

// withPIN is a device that has the PIN and one of everything, closed.
func withPIN(t *testing.T) (*device, things) {
	t.Helper()
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	all := makeThings(t, r)
	r.Close()
	return d, all
}

// TestStopSetUp: after a set-up that was cut short there is no root, and the
// next set-up cleans up: it leaves as many indices as one that was not.
func TestStopSetUp(t *testing.T) {
	stops(t, newDevice(t), func(d *device) error { return d.create(Options{}) }, func(t *testing.T, d *device) {
		r, err := d.open(Options{})
		if err != nil && !errors.Is(err, ErrUnfinished) && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("open: %v", err)
		}
		if err != nil {
			must(t, "create again", d.create(Options{}))
			r = d.mustOpen()
		}
		h, err := r.Health(t.Context())
		must(t, "health", err)
		if len(h.Indices) != 4 {
			t.Errorf("indices: %+v", h.Indices)
		}
		for _, x := range h.Indices {
			if !x.Mine || x.Purpose == "" {
				t.Errorf("index %+v is left over", x)
			}
		}
		works(t, r, -1)
	})
}

// works checks that a root with a PIN, or without (-1), does all that it should.
func works(t *testing.T, r *Root, right int) {
	t.Helper()
	if right < 0 {
		hasState(t, "without a PIN", r, keystore.GateState{Retries: 8})
		wants(t, "open the gate", r.Gate().Open(t.Context(), pin(1)), keystore.ErrNoPIN)
		right = 1
		must(t, "set the first PIN", r.Gate().SetPIN(t.Context(), pin(right)))
	}
	must(t, "open the gate", r.Gate().Open(t.Context(), pin(right)))
	all := makeThings(t, r)
	for _, p := range protections {
		must(t, "use", all.use(t, r, p))
	}
	r.Gate().Shut()
	wants(t, "use Gated", all.use(t, r, keystore.Gated), keystore.ErrGateShut)
}

func TestStopFirstPIN(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	all := makeThings(t, r)
	r.Close()
	stops(t, d, opened(func(r *Root) error {
		return r.Gate().SetPIN(t.Context(), pin(1))
	}), func(t *testing.T, d *device) {
		r := d.mustOpen()
		state, err := r.Gate().State(t.Context())
		must(t, "state", err)
		if state.Set {
			if state.Retries < 7 {
				t.Errorf("%d tries left", state.Retries)
			}
			wants(t, "a first PIN over it", r.Gate().SetPIN(t.Context(), pin(2)), keystore.ErrGateShut)
			wants(t, "another PIN", r.Gate().Open(t.Context(), pin(2)), keystore.ErrWrongPIN)
			must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
			hasState(t, "after the PIN", r, keystore.GateState{Set: true, Open: true, Retries: 8})
			if !r.gate.secret.public.Attributes.WriteLocked {
				t.Error("the mark was not written again")
			}
			must(t, "use Gated", all.use(t, r, keystore.Gated))
			r.Close()
			hasState(t, "restarted", d.mustOpen(), keystore.GateState{Set: true, Retries: 8})
			return
		}
		works(t, r, -1)
	})
}

func TestStopChange(t *testing.T) {
	d, all := withPIN(t)
	stops(t, d, opened(func(r *Root) error {
		if err := r.Gate().Open(t.Context(), pin(1)); err != nil {
			return err
		}
		return r.Gate().SetPIN(t.Context(), pin(2))
	}), func(t *testing.T, d *device) {
		r := d.mustOpen()
		state, err := r.Gate().State(t.Context())
		if err != nil || !state.Set {
			t.Fatalf("State = %+v, %v", state, err)
		}
		errOld, errNew := r.Gate().Open(t.Context(), pin(1)), r.Gate().Open(t.Context(), pin(2))
		if (errOld == nil) == (errNew == nil) {
			t.Fatalf("the old PIN: %v; the new: %v", errOld, errNew)
		}
		wants(t, "the wrong one", errors.Join(errOld, errNew), keystore.ErrWrongPIN)
		for _, p := range protections {
			must(t, "use", all.use(t, r, p))
		}
	})
}

func TestStopReset(t *testing.T) {
	d, all := withPIN(t)
	stops(t, d, opened(func(r *Root) error {
		return r.Reset(t.Context())
	}), func(t *testing.T, d *device) {
		r := d.mustOpen()
		state, err := r.Gate().State(t.Context())
		must(t, "state", err)
		must(t, "use what survives", all.use(t, r, keystore.Installation))
		if state.Set {
			// Before the reset: all of it.
			must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
			must(t, "use Ungated", all.use(t, r, keystore.Ungated))
			must(t, "use Gated", all.use(t, r, keystore.Gated))
			must(t, "reset", r.Reset(t.Context()))
		}
		// After the reset: nothing of it.
		wants(t, "use Ungated", all.use(t, r, keystore.Ungated), fs.ErrNotExist)
		wants(t, "use Gated", all.use(t, r, keystore.Gated), fs.ErrNotExist)
		h, err := r.Health(t.Context())
		if err != nil || len(h.Indices) != 4 {
			t.Errorf("indices: %+v, %v", h.Indices, err)
		}
		works(t, r, -1)
		wants(t, "use Gated", all.use(t, r, keystore.Gated), fs.ErrNotExist)
	})
}
