package tpm

import (
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// withoutFreeRead makes a root on a chip that failed the self-test's reading,
// as those with old code do.
func withoutFreeRead(t *testing.T) *device {
	t.Helper()
	d := newDevice(t)
	must(t, "create", Create(t.Context(), d.path, forgetful(d.bus.open), Options{}))
	return d
}

// forgetful is a chip that lets no policy read an index.
func forgetful(open Opener) Opener {
	return without(open, func(command []byte) tpm2.TPMRC {
		if commandCode(command) == tpm2.TPMCCPolicyCommandCode && command[len(command)-1] == byte(tpm2.TPMCCNVRead&0xff) {
			return tpm2.TPMRCPolicyCC + 0x140
		}
		return 0
	})
}

// TestGateWithoutFreeRead runs the contract on a chip where only the owner may
// read the count.
func TestGateWithoutFreeRead(t *testing.T) {
	keystoretest.TestGate(t, keystoretest.Roots{New: func(t *testing.T) func() (keystore.Root, error) {
		d := withoutFreeRead(t)
		if r := d.mustOpen(); r.rec.FreeRead {
			t.Fatal("everyone may read the count")
		} else {
			r.Close()
		}
		return func() (keystore.Root, error) { return d.open(Options{}) }
	}})
}

// TestUnreadable: where the count cannot be read it is estimated, and the chip
// counts all the same.
func TestUnreadable(t *testing.T) {
	d := withoutFreeRead(t)
	setOwner(t, d.raw(), nil, []byte("owner"))
	r := d.mustOpen()
	hasState(t, "without a PIN", r, keystore.GateState{Retries: 8})
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
	must(t, "change", r.Gate().SetPIN(t.Context(), pin(2)))
	r.Gate().Shut()
	for n := range 3 {
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
		hasState(t, "after a wrong PIN", r, keystore.GateState{Set: true, Retries: 7 - n})
	}
	r.Close()
	r = d.mustOpen()
	hasState(t, "restarted", r, keystore.GateState{Set: true, Retries: 8})
	for range 5 {
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
	}
	hasState(t, "estimated too high", r, keystore.GateState{Set: true, Retries: 3})
	wants(t, "the PIN after eight", r.Gate().Open(t.Context(), pin(2)), keystore.ErrPINBlocked)
	hasState(t, "blocked", r, keystore.GateState{Set: true})
	wants(t, "the PIN after eight", r.Gate().Open(t.Context(), pin(2)), keystore.ErrPINBlocked)
}

// TestUnreadableFirstPIN cuts the power in the first PIN where the count cannot
// be read: restarts spend one try at most.
func TestUnreadableFirstPIN(t *testing.T) {
	d := withoutFreeRead(t)
	setOwner(t, d.raw(), nil, []byte("owner"))
	stops(t, d, opened(func(r *Root) error {
		return r.Gate().SetPIN(t.Context(), pin(1))
	}), func(t *testing.T, d *device) {
		set := false
		for range 10 {
			r := d.mustOpen()
			state, err := r.Gate().State(t.Context())
			must(t, "state", err)
			set = state.Set
			r.Close()
		}
		r := d.mustOpen()
		if set {
			must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
		}
		works(t, r, map[bool]int{true: 1, false: -1}[set])
	})
}

// TestStopResume cuts the power in the finishing of a reset that was cut short.
func TestStopResume(t *testing.T) {
	d, all := withPIN(t)
	r := d.mustOpen()
	d.bus.after = func(command, _ []byte) {
		// The device secret has been overwritten.
		if commandCode(command) == tpm2.TPMCCNVWrite {
			d.bus.stopAt = d.bus.n + 1
		}
	}
	if err := r.Reset(t.Context()); !errors.Is(err, ErrInterrupted) && !errors.Is(err, ErrAbsent) {
		t.Fatalf("a reset that was cut short: %v", err)
	}
	r.Close()
	d.bus.after = nil
	d.bus.resume()
	stops(t, d, opened(func(*Root) error { return nil }), func(t *testing.T, d *device) {
		r := d.mustOpen()
		for _, p := range protections {
			if err := all.use(t, r, p); (err == nil) != (p == keystore.Installation) {
				t.Errorf("use %d: %v", p, err)
			}
		}
		h, err := r.Health(t.Context())
		if err != nil || len(h.Indices) != 4 {
			t.Errorf("indices: %+v, %v", h.Indices, err)
		}
		works(t, r, -1)
	})
}
