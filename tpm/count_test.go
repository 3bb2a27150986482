package tpm

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestCommands counts the commands of what a person waits for.
func TestCommands(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	r.Close()

	atMost := func(what string, most int, f func()) {
		t.Helper()
		n := d.bus.count(f)
		t.Logf("%s: %d commands", what, n)
		if n > most {
			t.Errorf("%s takes %d commands, want at most %d", what, n, most)
		}
	}
	atMost("start to ready", 8, func() {
		r = d.mustOpen()
		hasState(t, "after start", r, keystore.GateState{Set: true, Retries: 8})
	})
	atMost("open the gate", 8, func() { must(t, "open", r.Gate().Open(t.Context(), pin(1))) })
	atMost("change the PIN", 14, func() { must(t, "change", r.Gate().SetPIN(t.Context(), pin(2))) })
	atMost("a state", 1, func() {
		hasState(t, "after the change", r, keystore.GateState{Set: true, Open: true, Retries: 8})
	})
	h, _, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	must(t, "create", err)
	var k keystore.Key
	atMost("open a key", 0, func() {
		k, err = r.Open(t.Context(), h, []byte("site"))
		must(t, "open", err)
	})
	atMost("sign", 4, func() {
		_, err := k.Sign(t.Context(), make([]byte, 32), ctap.ES256.Hash())
		must(t, "sign", err)
	})
	atMost("a flood of foreign handles", 0, func() {
		for i := range 1000 {
			foreign := bytes.Clone(h)
			foreign[i%len(h)] ^= byte(i + 1)
			if i%256 == 255 {
				continue
			}
			_, err := r.Open(t.Context(), foreign, []byte("site"))
			wants(t, "a foreign handle", err, fs.ErrNotExist)
			_, err = r.Open(t.Context(), h, []byte{byte(i)})
			wants(t, "another site's handle", err, fs.ErrNotExist)
		}
	})
}

// TestCounter raises the run number over everything that could lower it, and
// counts what it skips: nothing, but where the counter itself was removed.
func TestCounter(t *testing.T) {
	d := created(t)
	last := uint64(0)
	raise := func(when string, r *Root) {
		t.Helper()
		n, err := r.NextRun(t.Context())
		must(t, when, err)
		if n <= last || last > 0 && n > last+3 {
			t.Errorf("%s: run %d after %d", when, n, last)
		}
		last = n
	}
	r := d.mustOpen()
	raise("first", r)
	raise("second", r)
	for range 3 {
		d.chip.Restart()
		before := last
		if raise("after a power cut", r); last != before+1 {
			t.Errorf("a power cut skips %d runs", last-before-1)
		}
	}
	_, err := tpm2.NVUndefineSpace{AuthHandle: owner(), NVIndex: counterIndex(r.rec.Counter).written().named()}.Execute(d.raw())
	must(t, "remove the counter", err)
	raise("after it was removed", r)
	raise("and again", r)
	must(t, "reset", r.Reset(t.Context()))
	raise("after a reset", r)
	r.Close()
	must(t, "destroy", Destroy(t.Context(), d.path, d.bus.open, Options{}))
	must(t, "create", d.create(Options{}))
	raise("in a new root", d.mustOpen())
}
