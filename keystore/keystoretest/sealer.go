package keystoretest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

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
