package keystoretest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"io/fs"
	"slices"
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
