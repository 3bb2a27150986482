package tpm

import (
	"bytes"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestWear counts the writes of the chip's NV memory: the table in docs/tpm.md.
func TestWear(t *testing.T) {
	d := newDevice(t)
	_, err := Inspect(t.Context(), d.bus.open) // swtpm makes its file at the first command
	must(t, "inspect", err)
	writes, before := 0, d.chip.NV()
	d.bus.after = func(_, _ []byte) {
		if now := d.chip.NV(); !bytes.Equal(now, before) {
			writes, before = writes+1, now
		}
	}
	costs := func(what string, want int, f func() error) {
		t.Helper()
		writes, before = 0, d.chip.NV()
		must(t, what, f())
		if writes != want {
			t.Errorf("%s: %d NV writes, want %d", what, writes, want)
		}
	}
	var r *Root
	guess := func() error {
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
		return nil
	}
	costs("set-up, with the storage key", 14, func() error { return d.create(Options{}) })
	costs("start", 0, func() error { r = d.mustOpen(); return nil })
	costs("first PIN", 2, func() error { return r.Gate().SetPIN(t.Context(), pin(1)) })
	costs("a wrong PIN", 1, guess)
	costs("the right one after it", 1, func() error { return r.Gate().Open(t.Context(), pin(1)) })
	costs("a right PIN", 0, func() error { return r.Gate().Open(t.Context(), pin(1)) })
	costs("PIN change", 1, func() error { return r.Gate().SetPIN(t.Context(), pin(2)) })
	costs("use", 0, func() error {
		all := makeThings(t, r)
		for _, p := range protections {
			must(t, "use", all.use(t, r, p))
		}
		_, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
		must(t, "create", err)
		_, err = r.Attest(t.Context(), k, nil)
		must(t, "attest", err)
		_, err = r.Gate().State(t.Context())
		return err
	})
	costs("a run", 1, func() error { _, err := r.NextRun(t.Context()); return err })
	costs("reset", 7, func() error { return r.Reset(t.Context()) })
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	costs("guesses without end", 8, func() error {
		for range 20 {
			if err := r.Gate().Open(t.Context(), pin(9)); err == nil {
				t.Error("a wrong PIN opened the gate")
			}
		}
		return nil
	})
	r.Close()
	costs("destroy", 4, func() error { return Destroy(t.Context(), d.path, d.bus.open, Options{}) })
}

// TestLoaded: in a life of a root the chip holds at most one key of ours at a
// time, two while it certifies, and three sessions, which is what one user of a
// resource manager may have.
func TestLoaded(t *testing.T) {
	d := newDevice(t)
	raw := d.raw()
	free := func() (keys, sessions uint32) {
		props, err := properties(raw, tpm2.TPMPTHRTransientAvail, 8)
		must(t, "ask", err)
		active, err := properties(raw, tpm2.TPMPTHRActive, 2)
		must(t, "ask", err)
		return props[tpm2.TPMPTHRTransientAvail], active[tpm2.TPMPTHRActiveAvail]
	}
	allKeys, allSessions := free()
	keys, sessions := uint32(0), uint32(0)
	d.bus.after = func(_, _ []byte) {
		k, s := free()
		keys, sessions = max(keys, allKeys-k), max(sessions, allSessions-s)
	}
	loads := func(what string, most uint32, f func()) {
		t.Helper()
		keys, sessions = 0, 0
		f()
		t.Logf("%s: %d keys, %d sessions", what, keys, sessions)
		if keys > most || sessions > 3 {
			t.Errorf("%s: %d keys and %d sessions at a time", what, keys, sessions)
		}
		if k, s := free(); k != allKeys || s != allSessions {
			t.Errorf("%s: leaves %d keys and %d sessions", what, allKeys-k, allSessions-s)
		}
	}
	loads("set-up", 2, func() { must(t, "create", d.create(Options{})) })
	var r *Root
	loads("use", 1, func() {
		r = d.mustOpen()
		works(t, r, -1)
		_, err := r.NextRun(t.Context())
		must(t, "count", err)
	})
	loads("change", 1, func() {
		must(t, "open", r.Gate().Open(t.Context(), pin(1)))
		must(t, "change", r.Gate().SetPIN(t.Context(), pin(2)))
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
	})
	loads("certify", 2, func() {
		_, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
		must(t, "create", err)
		_, err = r.Attest(t.Context(), k, nil)
		must(t, "attest", err)
	})
	loads("reset", 1, func() { must(t, "reset", r.Reset(t.Context())) })
}
