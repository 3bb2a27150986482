package keystoretest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestRoot tests the contracts of keystore.Root, Keys, Key and Sealer.
func TestRoot(t *testing.T, roots Roots) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, Roots)
	}{
		{"Algorithms", testAlgorithms},
		{"Sign", testSign},
		{"Handles", testHandles},
		{"GatedKeys", testGatedKeys},
		{"Seal", testSeal},
		{"SealBehindGate", testSealBehindGate},
		{"Derive", testDerive},
		{"Reset", testReset},
		{"Close", testClose},
		{"Context", testContext},
		{"Concurrency", testConcurrency},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, roots) })
	}
	if roots.Forgetful {
		return
	}
	t.Run("Restart", func(t *testing.T) { testRestart(t, roots) })
}

func testAlgorithms(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	algs := d.Algorithms()
	if len(algs) == 0 || algs[0].ID != ctap.ES256 {
		t.Fatalf("Algorithms = %v, want ES256 first: every relying party takes it", algs)
	}
	for i, alg := range algs {
		if slices.ContainsFunc(algs[:i], func(a keystore.Algorithm) bool { return a.ID == alg.ID }) {
			t.Errorf("%v is listed twice", alg.ID)
		}
		h, k := d.create(alg.ID, "site", keystore.Ungated)
		if !publicFits(alg.ID, k.Public()) {
			t.Errorf("public key of %v is a %T", alg.ID, k.Public())
		}
		d.signs(k, alg.ID, k.Public())
		d.opens(h, "site", alg.ID, k.Public())
		k.Close()
	}
	for _, alg := range []ctap.Algorithm{0, ctap.ECDHES256, -9999} {
		_, _, err := d.Create(t.Context(), alg, []byte("site"), keystore.Ungated)
		wants(t, fmt.Sprintf("Create of %v", alg), err, keystore.ErrUnsupported)
	}
	if _, _, err := d.Create(t.Context(), ctap.ES256, nil, keystore.Protection(99)); err == nil {
		t.Error("Create took an unknown protection")
	}
}

func publicFits(alg ctap.Algorithm, pub crypto.PublicKey) bool {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		bits := map[ctap.Algorithm]int{ctap.ES256: 256, ctap.ES384: 384, ctap.ES512: 521}
		return pub.Params().BitSize == bits[alg]
	case ed25519.PublicKey:
		return alg == ctap.EdDSA
	case *ctap.Secp256k1Point:
		return alg == ctap.ES256K
	case *rsa.PublicKey:
		return alg == ctap.RS256 && pub.Size() >= 256
	}
	return false
}

func testSign(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA} {
		if !slices.ContainsFunc(d.Algorithms(), func(a keystore.Algorithm) bool { return a.ID == alg }) {
			continue
		}
		_, k := d.create(alg, "site", keystore.Ungated)
		// Leading zeros of r, s and the coordinates come up once in 256.
		for i := range 600 {
			message := fmt.Appendf(nil, "message %d", i)
			sig, err := sign(k, alg, message)
			if err != nil || !verify(alg, k.Public(), message, sig) {
				t.Fatalf("signature %d of %v: %x, %v", i, alg, sig, err)
			}
		}
		wrong := crypto.SHA512
		if _, err := k.Sign(t.Context(), make([]byte, wrong.Size()), wrong); err == nil {
			t.Errorf("%v signed a SHA-512 digest", alg)
		}
		if _, err := k.Sign(t.Context(), make([]byte, 32), nil); err == nil {
			t.Errorf("%v signed without a hash", alg)
		}
		if alg == ctap.ES256 {
			for _, n := range []int{0, 20, 31, 33, 64} {
				if _, err := k.Sign(t.Context(), make([]byte, n), crypto.SHA256); err == nil {
					t.Errorf("%v signed a digest of %d bytes", alg, n)
				}
			}
		}
		if err := k.Close(); err != nil {
			t.Errorf("close a key: %v", err)
		}
		_, err := sign(k, alg, nil)
		wants(t, "sign with a closed key", err, fs.ErrClosed)
	}
}

func testHandles(t *testing.T, roots Roots) {
	ctx := t.Context()
	d, other := newDevice(t, roots), newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	seen := make(map[string]bool)
	for _, p := range allProtections {
		binding := []byte("site")
		h, k, err := d.Create(ctx, ctap.ES256, binding, p)
		if err != nil {
			t.Fatal(err)
		}
		binding[0] = 'X' // not retained
		pub := k.Public()
		k.Close()
		d.opens(h, "site", ctap.ES256, pub)
		if seen[string(h)] {
			t.Error("two keys have one handle")
		}
		seen[string(h)] = true

		for _, b := range []string{"", "sit", "site2", "Site"} {
			_, err := d.Open(ctx, h, []byte(b))
			wants(t, "open with another binding", err, fs.ErrNotExist)
		}
		_, err = other.Open(ctx, h, []byte("site"))
		wants(t, "open another root's handle", err, fs.ErrNotExist)
		_, err = d.Unseal(ctx, h, []byte("site"))
		wants(t, "unseal a handle", err, fs.ErrNotExist)

		_, err = d.Open(ctx, append(slices.Clone(h), 0), []byte("site"))
		wants(t, "open a handle with a byte more", err, fs.ErrNotExist)
		for i := range h {
			_, err := d.Open(ctx, h[:i], []byte("site"))
			wants(t, "open a cut handle", err, fs.ErrNotExist)
			flipped := slices.Clone(h)
			flipped[i] ^= 1
			_, err = d.Open(ctx, flipped, []byte("site"))
			wants(t, fmt.Sprintf("open a handle with byte %d changed", i), err, fs.ErrNotExist)
		}
		d.opens(h, "site", ctap.ES256, pub)
	}
	for _, h := range []keystore.Handle{nil, {}, bytes.Repeat([]byte{0xff}, 1023)} {
		_, err := d.Open(ctx, h, []byte("site"))
		wants(t, "open noise", err, fs.ErrNotExist)
	}
	h, k := d.create(ctap.ES256, "", keystore.Ungated)
	d.opens(h, "", ctap.ES256, k.Public())
}

func testGatedKeys(t *testing.T, roots Roots) {
	ctx := t.Context()
	d, other := newDevice(t, roots), newDevice(t, roots)

	// Made before there is a PIN: signs until Shut, then not until the PIN.
	h, k := d.create(ctap.ES256, "site", keystore.Gated)
	pub := k.Public()
	d.signs(k, ctap.ES256, pub)
	_, err := d.Open(ctx, h, []byte("site"))
	wants(t, "open a Gated key before a PIN", err, keystore.ErrGateShut)
	d.setPIN("1234")
	d.signs(k, ctap.ES256, pub)
	d.Gate().Shut()
	_, err = sign(k, ctap.ES256, nil)
	wants(t, "sign with a Gated key after Shut", err, keystore.ErrGateShut)
	_, err = d.Open(ctx, h, []byte("site"))
	wants(t, "open a Gated key while shut", err, keystore.ErrGateShut)
	_, err = d.Open(ctx, h, []byte("elsewhere"))
	wants(t, "open a Gated key with another binding while shut", err, fs.ErrNotExist)

	foreign, _ := other.create(ctap.ES256, "site", keystore.Gated)
	_, err = d.Open(ctx, foreign, []byte("site"))
	wants(t, "open another root's Gated key while shut", err, fs.ErrNotExist)

	d.openGate("1234")
	d.opens(h, "site", ctap.ES256, pub)
	_, err = sign(k, ctap.ES256, nil)
	wants(t, "sign with a killed key after the gate opened again", err, keystore.ErrGateShut)

	// Opened through the gate: dies with it; Ungated ones live on.
	gated, err := d.Open(ctx, h, []byte("site"))
	if err != nil {
		t.Fatal(err)
	}
	_, ungated := d.create(ctap.ES256, "site", keystore.Ungated)
	_, installation := d.create(ctap.ES256, "site", keystore.Installation)
	d.Gate().Shut()
	_, err = sign(gated, ctap.ES256, nil)
	wants(t, "sign with a key from Open after Shut", err, keystore.ErrGateShut)
	d.signs(ungated, ctap.ES256, ungated.Public())
	d.signs(installation, ctap.ES256, installation.Public())

	// Made while the gate is shut.
	h, k = d.create(ctap.ES256, "site", keystore.Gated)
	d.signs(k, ctap.ES256, k.Public())
	d.openGate("1234")
	d.signs(k, ctap.ES256, k.Public())
	d.opens(h, "site", ctap.ES256, k.Public())
}

func testSeal(t *testing.T, roots Roots) {
	ctx := t.Context()
	d, other := newDevice(t, roots), newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	for _, p := range allProtections {
		for _, size := range []int{0, 1, 32, 1000} {
			plain := bytes.Repeat([]byte("secret"), size)[:size]
			sealed, err := d.Seal(ctx, plain, []byte("for"), p)
			if err != nil {
				t.Fatalf("seal %d bytes: %v", size, err)
			}
			if size >= 32 && bytes.Contains(sealed, plain[:16]) {
				t.Error("a sealed value shows what is in it")
			}
			got, err := d.Unseal(ctx, sealed, []byte("for"))
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("Unseal = %q, %v, want %q", got, err, plain)
			}
		}
		sealed, err := d.Seal(ctx, []byte("secret"), []byte("for"), p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.Seal(ctx, []byte("secret"), []byte("for"), p)
		if err != nil || bytes.Equal(sealed, again) {
			t.Errorf("sealing twice gives the same: %v", err)
		}
		_, err = d.Unseal(ctx, sealed, []byte("fo"))
		wants(t, "unseal with another binding", err, fs.ErrNotExist)
		_, err = other.Unseal(ctx, sealed, []byte("for"))
		wants(t, "unseal another root's", err, fs.ErrNotExist)
		_, err = d.Open(ctx, sealed, []byte("for"))
		wants(t, "open a sealed value as a key", err, fs.ErrNotExist)
		for i := range sealed {
			flipped := slices.Clone(sealed)
			flipped[i] ^= 0x80
			_, err := d.Unseal(ctx, flipped, []byte("for"))
			wants(t, fmt.Sprintf("unseal with byte %d changed", i), err, fs.ErrNotExist)
			_, err = d.Unseal(ctx, sealed[:i], []byte("for"))
			wants(t, "unseal a cut value", err, fs.ErrNotExist)
		}
	}
	if _, err := d.Seal(ctx, nil, nil, keystore.Protection(-1)); err == nil {
		t.Error("Seal took an unknown protection")
	}
}

func testSealBehindGate(t *testing.T, roots Roots) {
	ctx := t.Context()
	d, other := newDevice(t, roots), newDevice(t, roots)
	var sealed [][]byte
	seal := func(what string) {
		t.Helper()
		s, err := d.Seal(ctx, []byte(what), []byte("for"), keystore.Gated)
		if err != nil {
			t.Fatalf("seal Gated, %s: %v", what, err)
		}
		sealed = append(sealed, s)
	}
	shut := func() {
		t.Helper()
		for _, s := range sealed {
			_, err := d.Unseal(ctx, s, []byte("for"))
			wants(t, "unseal while the gate is shut", err, keystore.ErrGateShut)
			_, err = d.Unseal(ctx, s, []byte("other"))
			wants(t, "unseal with another binding while shut", err, fs.ErrNotExist)
		}
	}
	seal("without a PIN")
	shut()
	d.setPIN("1234")
	seal("with a PIN, shut")
	shut()
	d.openGate("1234")
	seal("open")
	d.setPIN("5678")
	seal("open, after a change")
	d.Gate().Shut()
	shut()
	foreign, err := other.Seal(ctx, []byte("x"), []byte("for"), keystore.Gated)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Unseal(ctx, foreign, []byte("for"))
	wants(t, "unseal another root's Gated value while shut", err, fs.ErrNotExist)
	d.openGate("5678")
	for _, s := range sealed {
		if _, err := d.Unseal(ctx, s, []byte("for")); err != nil {
			t.Errorf("unseal while the gate is open: %v", err)
		}
	}
}

func testDerive(t *testing.T, roots Roots) {
	d, other := newDevice(t, roots), newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	other.setPIN("1234")
	other.openGate("1234")
	seen := make(map[[32]byte]string)
	for _, r := range []*device{d, other} {
		for _, p := range allProtections {
			for _, in := range [][2]string{{"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"ab", "c\x00"}} {
				name := fmt.Sprintf("%q, %q, %d", in[0], in[1], p)
				out := r.derive(in[0], in[1], p)
				if r.derive(in[0], in[1], p) != out {
					t.Errorf("Derive of %s differs the second time", name)
				}
				if before, ok := seen[out]; ok {
					t.Errorf("Derive of %s and of %s are the same", name, before)
				}
				seen[out] = name
			}
		}
	}
	before := d.derive("label", "", keystore.Gated)
	d.setPIN("5678")
	if d.derive("label", "", keystore.Gated) != before {
		t.Error("Derive changed with the PIN")
	}
	d.Gate().Shut()
	_, err := d.Derive(t.Context(), "label", nil, keystore.Gated)
	wants(t, "derive Gated while shut", err, keystore.ErrGateShut)
	d.openGate("5678")
	if d.derive("label", "", keystore.Gated) != before {
		t.Error("Derive changed over Shut and Open")
	}
	if _, err := d.Derive(t.Context(), "label", nil, keystore.Protection(7)); err == nil {
		t.Error("Derive took an unknown protection")
	}
	fresh := newDevice(t, roots)
	_, err = fresh.Derive(t.Context(), "label", nil, keystore.Gated)
	wants(t, "derive Gated before a PIN", err, keystore.ErrGateShut)
}

func (d *device) derive(label, binding string, p keystore.Protection) [32]byte {
	d.t.Helper()
	out, err := d.Derive(context.Background(), label, []byte(binding), p)
	if err != nil {
		d.t.Fatalf("derive: %v", err)
	}
	return out
}

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
