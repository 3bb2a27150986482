package tpm

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/keystore"
)

// files are copies of a device's files, by name.
type files map[string][]byte

func (d *device) snapshot() files {
	d.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(d.path))
	must(d.t, "list files", err)
	f := make(files)
	for _, e := range entries {
		f[e.Name()], err = os.ReadFile(filepath.Join(filepath.Dir(d.path), e.Name()))
		must(d.t, "copy a file", err)
	}
	return f
}

// restore puts all files back as they were.
func (d *device) restore(f files) {
	d.t.Helper()
	for name := range d.snapshot() {
		must(d.t, "remove a file", os.Remove(filepath.Join(filepath.Dir(d.path), name)))
	}
	for name, data := range f {
		must(d.t, "restore a file", os.WriteFile(filepath.Join(filepath.Dir(d.path), name), data, 0o600))
	}
}

// TestRollback brings back old copies of all files: the tries stay spent, old
// PINs stay dead, what a reset destroyed stays destroyed, and the root of today
// works on.
func TestRollback(t *testing.T) {
	d := created(t)
	noPIN := d.snapshot()
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	all := makeThings(t, r)
	r.Close()
	first := d.snapshot()

	r = d.mustOpen()
	for range 3 {
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
	}
	r.Close()
	for _, old := range []files{noPIN, first} {
		d.restore(old)
		r = d.mustOpen()
		hasState(t, "three tries later, with old files", r, keystore.GateState{Set: true, Retries: 5})
		r.Close()
	}

	r = d.mustOpen()
	must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
	must(t, "change", r.Gate().SetPIN(t.Context(), pin(2)))
	r.Close()
	for _, old := range []files{noPIN, first} {
		d.restore(old)
		r = d.mustOpen()
		wants(t, "the old PIN with old files", r.Gate().Open(t.Context(), pin(1)), keystore.ErrWrongPIN)
		must(t, "today's PIN with old files", r.Gate().Open(t.Context(), pin(2)))
		for _, p := range protections {
			must(t, "use", all.use(t, r, p))
		}
		r.Close()
	}

	r = d.mustOpen()
	must(t, "reset", r.Reset(t.Context()))
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(3)))
	today := makeThings(t, r)
	r.Close()
	now := d.snapshot()
	for _, old := range []files{noPIN, first} {
		d.restore(old)
		_, err := d.open(Options{})
		wants(t, "open with files from before a reset", err, ErrStale)
	}
	d.restore(now)
	r = d.mustOpen()
	must(t, "today's PIN", r.Gate().Open(t.Context(), pin(3)))
	for _, p := range protections {
		must(t, "use", today.use(t, r, p))
		if p != keystore.Installation {
			wants(t, "use what was reset", all.use(t, r, p), fs.ErrNotExist)
		}
	}
}

// TestRollbackIntoReset brings back copies of the files from amid a reset: the
// gate that it made lives on.
func TestRollbackIntoReset(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	var amid []files
	d.bus.after = func(_, _ []byte) { amid = append(amid, d.snapshot()) }
	must(t, "reset", r.Reset(t.Context()))
	d.bus.after = nil
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(2)))
	all := makeThings(t, r)
	r.Close()
	now := d.snapshot()
	opened := 0
	for _, old := range amid {
		d.restore(old)
		r, err := d.open(Options{})
		if err != nil {
			wants(t, "open with a file from before the point of no return", err, ErrStale)
			continue
		}
		opened++
		must(t, "today's PIN", r.Gate().Open(t.Context(), pin(2)))
		must(t, "use", all.use(t, r, keystore.Gated))
		r.Close()
	}
	if opened == 0 {
		t.Error("no copy from amid the reset opens")
	}
	d.restore(now)
	r = d.mustOpen()
	must(t, "today's PIN", r.Gate().Open(t.Context(), pin(2)))
}

// TestKilledTries cuts the power after wrong tries, and before their answers.
func TestKilledTries(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	r.Close()
	left := 8
	for range 3 {
		r := d.mustOpen()
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
		left--
		d.chip.Restart()
		r.Close()
	}
	r = d.mustOpen()
	hasState(t, "after three tries and power cuts", r, keystore.GateState{Set: true, Retries: left})
	for n := 1; ; n++ {
		// ReadPublic, StartAuthSession, StartAuthSession, PolicySecret
		d.bus.stop(n, true)
		err := r.Gate().Open(t.Context(), pin(9))
		if !d.bus.resume() {
			break
		}
		if n == 4 {
			left--
		}
		if err == nil || n <= 4 && errors.Is(err, keystore.ErrWrongPIN) {
			t.Errorf("stopped at command %d: %v", n, err)
		}
		if n == 4 {
			hasState(t, "killed before the answer", r, keystore.GateState{Set: true, Retries: left})
			break
		}
	}
	must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
	hasState(t, "after the PIN", r, keystore.GateState{Set: true, Open: true, Retries: 8})
}

// TestRandomKills changes the PIN for ever while the chip loses its power at
// random moments: one of the two PINs is right, never both, never neither.
func TestRandomKills(t *testing.T) {
	const rounds = 40
	d := created(t)
	r := d.mustOpen()
	now := 0
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(now)))
	all := makeThings(t, r)
	for range rounds {
		done := make(chan struct{})
		cut := time.AfterFunc(time.Duration(rand.IntN(12000))*time.Microsecond, func() {
			defer close(done)
			d.chip.Cut()
		})
		errOpen := r.Gate().Open(t.Context(), pin(now))
		wants9 := r.Gate().Open(t.Context(), pin(9999))
		var errSet error
		if errOpen == nil {
			errSet = r.Gate().SetPIN(t.Context(), pin(now+1))
		}
		if !cut.Stop() {
			<-done
		}
		d.chip.Restart()
		r.Close()
		r = d.mustOpen()
		state, err := r.Gate().State(t.Context())
		if err != nil || !state.Set || state.Retries < 6 {
			t.Fatalf("State = %+v, %v after %v, %v, %v", state, err, errOpen, wants9, errSet)
		}
		errOld, errNew := r.Gate().Open(t.Context(), pin(now)), r.Gate().Open(t.Context(), pin(now+1))
		if (errOld == nil) == (errNew == nil) {
			t.Fatalf("the old PIN: %v; the new: %v", errOld, errNew)
		}
		if errNew == nil {
			now++
		} else if errOpen == nil && errSet == nil {
			t.Fatal("a change that succeeded did not happen")
		}
		must(t, "use Gated", all.use(t, r, keystore.Gated))
		must(t, "the PIN", r.Gate().Open(t.Context(), pin(now)))
	}
	t.Logf("%d changes in %d rounds", now, rounds)
}
