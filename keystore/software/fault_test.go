package software

import (
	"errors"
	"fmt"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// story is what can happen to a gate, step by step, with the PINs that are
// right before and after each.
type step struct {
	name       string
	do         func(r *Root) error
	want       error
	old, new   int // PINs; -1: none
	oldN, newN int // tries left
}

func story(t *testing.T) []step {
	ctx := t.Context()
	return []step{
		{"first PIN", func(r *Root) error { return r.Gate().SetPIN(ctx, pin(1)) }, nil, -1, 1, 8, 8},
		{"wrong PIN", func(r *Root) error { return r.Gate().Open(ctx, pin(9)) }, keystore.ErrWrongPIN, 1, 1, 8, 7},
		{"wrong PIN", func(r *Root) error { return r.Gate().Open(ctx, pin(9)) }, keystore.ErrWrongPIN, 1, 1, 7, 6},
		{"right PIN", func(r *Root) error { return r.Gate().Open(ctx, pin(1)) }, nil, 1, 1, 6, 8},
		{"change", func(r *Root) error { return r.Gate().SetPIN(ctx, pin(2)) }, nil, 1, 2, 8, 8},
		{"wrong PIN", func(r *Root) error { return r.Gate().Open(ctx, pin(1)) }, keystore.ErrWrongPIN, 2, 2, 8, 7},
		{"reset", func(r *Root) error { return r.Reset(ctx) }, nil, 2, -1, 7, 8},
		{"first PIN", func(r *Root) error { return r.Gate().SetPIN(ctx, pin(3)) }, nil, -1, 3, 8, 8},
	}
}

// check starts the root anew and checks that the PIN is the one, and no other.
func (d *disk) check(t *testing.T, when string, right, retries int) {
	t.Helper()
	r := d.open()
	defer r.Close()
	state, err := r.Gate().State(t.Context())
	if want := (keystore.GateState{Set: right >= 0, Retries: retries}); err != nil || state != want {
		t.Errorf("%s: State = %+v, %v, want %+v", when, state, err, want)
	}
	kept := *d.state
	for n := range 4 {
		*d.state = kept
		err := d.open().Gate().Open(t.Context(), pin(n))
		switch {
		case right < 0:
			wants(t, when, err, keystore.ErrNoPIN)
		case n == right && err != nil:
			t.Errorf("%s: the right PIN %d: %v", when, n, err)
		case n != right:
			wants(t, when, err, keystore.ErrWrongPIN)
		}
	}
	*d.state = kept
}

// TestFaults stops each write of the story before or after it took place: what
// is on the disk is the step before or the step after, and tries never go up
// but for the right PIN.
func TestFaults(t *testing.T) {
	total := newDisk()
	r := total.open()
	for _, s := range story(t) {
		wants(t, s.name, s.do(r), s.want)
		total.check(t, "after "+s.name, s.new, s.newN)
	}
	for _, written := range []bool{false, true} {
		for at := 1; ; at++ {
			d := newDisk()
			d.fail = func(n int) (before, after error) {
				if n != at {
					return nil, nil
				}
				if written {
					return nil, errDisk
				}
				return errDisk, nil
			}
			r := d.open()
			var failed *step
			for _, s := range story(t) {
				err := s.do(r)
				if errors.Is(err, errDisk) {
					failed = &s
					break
				}
				wants(t, s.name, err, s.want)
			}
			if failed == nil {
				break
			}
			d.fail = nil
			name := fmt.Sprintf("%s, stopped at write %d (written: %v)", failed.name, at, written)
			state := d.state.Gate
			right := failed.old
			if written && failed.new != failed.old {
				right = failed.new
			}
			// A try is one write to spend it, and one more if it was right.
			retries := failed.oldN
			switch {
			case failed.name == "right PIN" && written && state.Retries == failed.newN:
				retries = failed.newN
			case failed.name == "right PIN" && state.Retries == failed.oldN-1:
				retries = failed.oldN - 1
			case written:
				retries = failed.newN
			}
			d.check(t, name, right, retries)

			// The same root goes on: the step can be done again.
			if failed.want == nil {
				if err := failed.do(r); err != nil {
					t.Errorf("%s: again: %v", name, err)
				}
				d.check(t, name+", again", failed.new, failed.newN)
			}
		}
	}
}

// TestUnwrittenTry: where a try cannot be written down no PIN is judged, right or
// wrong, and the tries that are left are left.
func TestUnwrittenTry(t *testing.T) {
	d := newDisk()
	r := d.open()
	if err := r.Gate().SetPIN(t.Context(), pin(1)); err != nil {
		t.Fatal(err)
	}
	d.fail = func(int) (before, after error) { return errDisk, nil }
	for n := range 2 * ctap.MaxPINRetries {
		wants(t, "a try that cannot be counted", r.Gate().Open(t.Context(), pin(n%2)), errDisk)
	}
	if state, err := r.Gate().State(t.Context()); err != nil || state.Open || state.Retries != ctap.MaxPINRetries {
		t.Errorf("afterwards %+v, %v", state, err)
	}
	d.fail = nil
	wants(t, "once the disk takes it", r.Gate().Open(t.Context(), pin(1)), nil)
}
