package keystoretest

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// made is one of everything, made under one protection.
type made struct {
	p       keystore.Protection
	handle  keystore.Handle
	key     keystore.Key
	sealed  []byte
	derived [32]byte
}

// makeAll makes one of everything under each protection; the gate is open.
func (d *device) makeAll() []made {
	d.t.Helper()
	var all []made
	for _, p := range allProtections {
		m := made{p: p}
		m.handle, m.key = d.create(ctap.ES256, "site", p)
		var err error
		if m.sealed, err = d.Seal(context.Background(), []byte("secret"), []byte("for"), p); err != nil {
			d.t.Fatal(err)
		}
		m.derived = d.derive("label", "binding", p)
		all = append(all, m)
	}
	return all
}

// lives checks that everything still opens and is the same.
func (d *device) lives(m made) {
	d.t.Helper()
	d.opens(m.handle, "site", ctap.ES256, m.key.Public())
	plain, err := d.Unseal(context.Background(), m.sealed, []byte("for"))
	if err != nil || string(plain) != "secret" {
		d.t.Errorf("protection %d: Unseal = %q, %v", m.p, plain, err)
	}
	if d.derive("label", "binding", m.p) != m.derived {
		d.t.Errorf("protection %d: Derive has changed", m.p)
	}
}

// dead checks that nothing of it opens; the gate is open.
func (d *device) dead(m made) {
	d.t.Helper()
	_, err := d.Open(context.Background(), m.handle, []byte("site"))
	wants(d.t, "open a key of before the reset", err, fs.ErrNotExist)
	_, err = d.Unseal(context.Background(), m.sealed, []byte("for"))
	wants(d.t, "unseal what was sealed before the reset", err, fs.ErrNotExist)
	if d.derive("label", "binding", m.p) == m.derived {
		d.t.Errorf("protection %d: Derive gives the same after the reset", m.p)
	}
}

func testReset(t *testing.T, roots Roots) {
	ctx := t.Context()
	d := newDevice(t, roots)
	var generations [][]made
	check := func() {
		t.Helper()
		d.setPIN("1234")
		d.openGate("1234")
		for _, all := range generations {
			for _, m := range all {
				if m.p == keystore.Installation {
					d.lives(m)
				} else {
					d.dead(m)
				}
			}
		}
	}
	for range 2 {
		check()
		all := d.makeAll()
		generations = append(generations, all)
		wants(t, "a wrong PIN", d.Gate().Open(ctx, pinHash("0000")), keystore.ErrWrongPIN)
		if err := d.Reset(ctx); err != nil {
			t.Fatalf("reset: %v", err)
		}
		d.hasState("after Reset", keystore.GateState{Retries: ctap.MaxPINRetries})
		wants(t, "the PIN of before the reset", d.Gate().Open(ctx, pinHash("1234")), keystore.ErrNoPIN)
		for _, m := range all {
			_, err := sign(m.key, ctap.ES256, nil)
			switch m.p {
			case keystore.Ungated:
				wants(t, "sign with a key that a reset killed", err, fs.ErrNotExist)
			case keystore.Gated:
				if err == nil {
					t.Error("a Gated key signs after the reset")
				}
			case keystore.Installation:
				d.signs(m.key, ctap.ES256, m.key.Public())
			}
		}
		// While the gate is shut, too, what is gone is gone.
		_, err := d.Open(ctx, all[1].handle, []byte("site"))
		wants(t, "open a Gated key of before the reset", err, fs.ErrNotExist)
	}
	if err := d.Reset(ctx); err != nil {
		t.Fatalf("a second reset: %v", err)
	}
	check()
	if !roots.Forgetful {
		if err := d.Reset(ctx); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.hasState("after Reset and a restart", keystore.GateState{Retries: ctap.MaxPINRetries})
		check()
		// Blocked is no obstacle.
		d.block()
		d.restart()
		if err := d.Reset(ctx); err != nil {
			t.Fatalf("reset while blocked: %v", err)
		}
		check()
	}
}

func testClose(t *testing.T, roots Roots) {
	ctx := t.Context()
	d := newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	all := d.makeAll()
	gate := d.Gate()
	if gate != d.Gate() {
		t.Error("Gate is another one the second time")
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	for _, m := range all {
		_, err := sign(m.key, ctap.ES256, nil)
		wants(t, "sign", err, fs.ErrClosed)
		_, err = d.Open(ctx, m.handle, []byte("site"))
		wants(t, "Open", err, fs.ErrClosed)
		_, _, err = d.Create(ctx, ctap.ES256, []byte("site"), m.p)
		wants(t, "Create", err, fs.ErrClosed)
		_, err = d.Seal(ctx, nil, nil, m.p)
		wants(t, "Seal", err, fs.ErrClosed)
		_, err = d.Unseal(ctx, m.sealed, []byte("for"))
		wants(t, "Unseal", err, fs.ErrClosed)
		_, err = d.Derive(ctx, "label", nil, m.p)
		wants(t, "Derive", err, fs.ErrClosed)
	}
	_, err := gate.State(ctx)
	wants(t, "State", err, fs.ErrClosed)
	wants(t, "SetPIN", gate.SetPIN(ctx, pinHash("1234")), fs.ErrClosed)
	wants(t, "Gate.Open", gate.Open(ctx, pinHash("1234")), fs.ErrClosed)
	wants(t, "Reset", d.Reset(ctx), fs.ErrClosed)
	gate.Shut()
}

func testContext(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, "Gate.Open", d.Gate().Open(ctx, pinHash("0000")), context.Canceled)
	wants(t, "SetPIN", d.Gate().SetPIN(ctx, pinHash("0000")), context.Canceled)
	wants(t, "Reset", d.Reset(ctx), context.Canceled)
	_, _, err := d.Create(ctx, ctap.ES256, nil, keystore.Ungated)
	wants(t, "Create", err, context.Canceled)
	d.hasState("after cancelled calls", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries})
	d.openGate("1234")
}

func testConcurrency(t *testing.T, roots Roots) {
	ctx := t.Context()
	d := newDevice(t, roots)
	d.setPIN("1234")
	h, k := d.create(ctap.ES256, "site", keystore.Ungated)
	gated, _ := d.create(ctap.ES256, "site", keystore.Gated)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 8 {
				d.opens(h, "site", ctap.ES256, k.Public())
				d.create(ctap.ES256, fmt.Sprint(i, j), keystore.Gated)
				if gk, err := d.Open(ctx, gated, []byte("site")); err == nil {
					if _, err := sign(gk, ctap.ES256, nil); err != nil {
						wants(t, "sign while the gate opens and shuts", err, keystore.ErrGateShut)
					}
				} else {
					wants(t, "open while the gate opens and shuts", err, keystore.ErrGateShut)
				}
				d.derive("label", "", keystore.Ungated)
			}
		})
	}
	for range 4 {
		d.openGate("1234")
		d.Gate().Shut()
	}
	wg.Wait()
}

func testRestart(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	all := d.makeAll()
	d.restart()
	for _, m := range all {
		if m.p == keystore.Gated {
			_, err := d.Open(t.Context(), m.handle, []byte("site"))
			wants(t, "open a Gated key after a restart", err, keystore.ErrGateShut)
			continue
		}
		d.lives(m)
	}
	d.openGate("1234")
	for _, m := range all {
		d.lives(m)
	}
	for _, alg := range d.Algorithms() {
		h, k := d.create(alg.ID, "site", keystore.Ungated)
		d.restart()
		d.opens(h, "site", alg.ID, k.Public())
	}
}
