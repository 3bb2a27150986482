package keystoretest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Power is what a root needs to reach what keeps its secrets: a disk, a chip.
type Power interface {
	// Cut takes the power away at the n-th step from now, counted from 1, and
	// for all after it. A step is one write, or one command to a chip. The n-th
	// still takes place where done is set, but nobody hears of it.
	Cut(n int, done bool)
	// Restore gives the power back, and tells whether it was away.
	Restore() (cut bool)
}

// Frail makes places for roots, as Places do, whose power can be cut. A root
// opened after a cut is one of a new process.
type Frail struct {
	New func(t *testing.T) (open func() (keystore.Root, error), power Power)
}

// TestCrashes stops what a root writes between every two of its steps.
func TestCrashes(t *testing.T, roots Frail) {
	for _, c := range []crash{
		{"FirstPIN", beforeFirstPIN, firstPIN, afterFirstPIN},
		{"WrongPIN", beforePIN, wrongPIN, afterWrongPIN},
		{"LastTry", beforeLastTry, wrongPIN, afterLastTry},
		{"RightPIN", beforeRightPIN, rightPIN, afterRightPIN},
		{"Change", beforePIN, change, afterChange},
		{"Reset", beforePIN, reset, afterReset},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, roots) })
	}
}

// A crash is what is done before the power goes, while it goes, and afterwards,
// by a new process that sees what came of it.
type crash struct {
	name   string
	before func(*device) []made
	do     func(*device) error
	after  func(d *device, made []made, err error)
}

func (c *crash) test(t *testing.T, roots Frail) {
	for _, done := range []bool{false, true} {
		for n := 1; ; n++ {
			cut := false
			t.Run(fmt.Sprintf("%d,done=%v", n, done), func(t *testing.T) {
				var power Power
				d := newDevice(t, Roots{New: func(t *testing.T) (open func() (keystore.Root, error)) {
					open, power = roots.New(t)
					return open
				}})
				made := c.before(d)
				d.Gate().Shut()
				power.Cut(n, done)
				err := c.do(d)
				cut = power.Restore()
				if !cut && err != nil && !errors.Is(err, keystore.ErrWrongPIN) && !errors.Is(err, keystore.ErrPINBlocked) {
					t.Fatalf("without a cut: %v", err)
				}
				d.Root.Close()
				d.start()
				c.after(d, made, err)
			})
			if !cut {
				break
			}
		}
	}
}

func beforeFirstPIN(d *device) []made {
	sealed, err := d.Seal(context.Background(), []byte("secret"), []byte("for"), keystore.Gated)
	if err != nil {
		d.t.Fatal(err)
	}
	return []made{{sealed: sealed}}
}

func firstPIN(d *device) error { return d.Gate().SetPIN(context.Background(), pinHash("1234")) }

// afterFirstPIN: there is a PIN, the one, or none.
func afterFirstPIN(d *device, made []made, err error) {
	state := d.state()
	switch {
	case err == nil && !state.Set:
		d.t.Error("a PIN that was set is not there")
	case state.Set && state.Retries < ctap.MaxPINRetries-1:
		d.t.Errorf("%d tries left of a new PIN", state.Retries)
	case !state.Set:
		if state.Retries != ctap.MaxPINRetries {
			d.t.Errorf("%d tries without a PIN", state.Retries)
		}
		wants(d.t, "open without a PIN", d.Gate().Open(context.Background(), pinHash("1234")), keystore.ErrNoPIN)
		d.setPIN("1234")
	}
	wants(d.t, "another PIN", d.Gate().Open(context.Background(), pinHash("5678")), keystore.ErrWrongPIN)
	d.openGate("1234")
	plain, err := d.Unseal(context.Background(), made[0].sealed, []byte("for"))
	if err != nil || string(plain) != "secret" {
		d.t.Errorf("what was sealed before the PIN: %q, %v", plain, err)
	}
}

// beforePIN sets a PIN and makes everything.
func beforePIN(d *device) []made {
	d.setPIN("1234")
	d.openGate("1234")
	return d.makeAll()
}

func wrongPIN(d *device) error { return d.Gate().Open(context.Background(), pinHash("wrong")) }

// afterWrongPIN: whoever heard that the PIN was wrong has paid for it.
func afterWrongPIN(d *device, made []made, err error) {
	d.spent(err, ctap.MaxPINRetries, 1)
	d.openGate("1234")
	d.livesAll(made)
}

func beforeLastTry(d *device) []made {
	all := beforePIN(d)
	for range ctap.MaxPINRetries - 1 {
		wants(d.t, "a wrong PIN", wrongPIN(d), keystore.ErrWrongPIN)
	}
	return all
}

// afterLastTry: if the last try was judged nothing opens the gate any more.
func afterLastTry(d *device, made []made, err error) {
	d.spent(err, 1, 1)
	if d.state().Retries == 0 {
		wants(d.t, "the right PIN, too late", d.Gate().Open(context.Background(), pinHash("1234")), keystore.ErrPINBlocked)
		return
	}
	d.openGate("1234")
	d.livesAll(made)
}

func beforeRightPIN(d *device) []made {
	all := beforePIN(d)
	for range 3 {
		wants(d.t, "a wrong PIN", wrongPIN(d), keystore.ErrWrongPIN)
	}
	return all
}

func rightPIN(d *device) error { return d.Gate().Open(context.Background(), pinHash("1234")) }

// afterRightPIN: the tries are back, or one more is gone.
func afterRightPIN(d *device, made []made, err error) {
	state := d.state()
	full := state.Retries == ctap.MaxPINRetries
	if left := ctap.MaxPINRetries - 3; !state.Set || !full && (err == nil || state.Retries != left && state.Retries != left-1) {
		d.t.Errorf("after a right PIN (%v): %+v", err, state)
	}
	d.openGate("1234")
	d.livesAll(made)
}

func change(d *device) error {
	if err := rightPIN(d); err != nil {
		return err
	}
	return d.Gate().SetPIN(context.Background(), pinHash("5678"))
}

// afterChange: the old or the new PIN is right, never both, never neither.
func afterChange(d *device, made []made, err error) {
	if state := d.state(); !state.Set || state.Retries < ctap.MaxPINRetries-1 {
		d.t.Errorf("after a change (%v): %+v", err, state)
	}
	errNew := d.Gate().Open(context.Background(), pinHash("5678"))
	if err == nil && errNew != nil {
		d.t.Errorf("the new PIN, after a change: %v", errNew)
	}
	d.Gate().Shut()
	errOld := d.Gate().Open(context.Background(), pinHash("1234"))
	switch {
	case errNew == nil:
		wants(d.t, "the old PIN", errOld, keystore.ErrWrongPIN)
		d.openGate("5678")
	case errOld == nil:
		wants(d.t, "the new PIN", errNew, keystore.ErrWrongPIN)
	default:
		d.t.Fatalf("neither PIN is right: the new: %v; the old: %v", errNew, errOld)
	}
	d.livesAll(made)
}

func reset(d *device) error { return d.Reset(context.Background()) }

// afterReset: all is as it was, or every key is dead; after another reset
// nothing is left but what is under Installation.
func afterReset(d *device, made []made, err error) {
	var dead int
	for _, m := range made {
		k, openErr := d.Open(context.Background(), m.handle, []byte("site"))
		switch {
		case openErr == nil:
			k.Close()
		case errors.Is(openErr, fs.ErrNotExist):
			dead++
		case m.p != keystore.Gated || !errors.Is(openErr, keystore.ErrGateShut):
			d.t.Errorf("protection %d: open a key: %v", m.p, openErr)
		}
	}
	switch state := d.state(); {
	case dead == 0 && err == nil:
		d.t.Error("keys live after a reset")
	case dead == 0:
		if !state.Set {
			d.t.Error("the PIN died before the keys")
		}
		d.openGate("1234")
		d.livesAll(made)
	case dead != 2:
		d.t.Errorf("%d of two keys are dead", dead)
	case err == nil && state.Set:
		d.t.Error("a PIN is set after a reset")
	}

	if err := d.Reset(context.Background()); err != nil {
		d.t.Fatalf("reset after a reset that was cut off: %v", err)
	}
	d.hasState("after a reset", keystore.GateState{Retries: ctap.MaxPINRetries})
	d.setPIN("5678")
	d.openGate("5678")
	for _, m := range made {
		if m.p == keystore.Installation {
			d.lives(m)
		} else {
			d.dead(m)
		}
	}
}

func (d *device) state() keystore.GateState {
	d.t.Helper()
	state, err := d.Gate().State(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return state
}

// spent checks that up to n tries of those that were left are gone, and all n
// if the last answer told that the PIN was wrong.
func (d *device) spent(err error, left, n int) {
	d.t.Helper()
	state := d.state()
	judged := errors.Is(err, keystore.ErrWrongPIN) || errors.Is(err, keystore.ErrPINBlocked)
	if !state.Set || state.Open || state.Retries < left-n || state.Retries > left || judged && state.Retries != left-n {
		d.t.Errorf("after a wrong PIN (%v), with %d tries before: %+v", err, left, state)
	}
}

func (d *device) livesAll(all []made) {
	d.t.Helper()
	for _, m := range all {
		d.lives(m)
	}
}
