package tpm

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// blobOf takes a key's blob out of its handle, as the holder of the device
// secret can.
func blobOf(t *testing.T, r *Root, h keystore.Handle) *blob {
	t.Helper()
	plain, err := r.Unseal(t.Context(), h[2:], sealBinding(keystore.Protection(h[1]), []byte("site")))
	must(t, "unseal", err)
	b, err := parseBlob(plain)
	must(t, "parse", err)
	return b
}

// TestKeyValue: with the chip and all of a key's blob but its authorization
// value, which takes the device secret, nothing is signed; also of a key that
// asks for no PIN.
func TestKeyValue(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	h, _, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	must(t, "create", err)
	b := blobOf(t, r, h)
	_, err = b.sign(r.chip, r.parent, make([]byte, 32))
	must(t, "sign with its value", err)
	for name, value := range map[string][]byte{"nothing": nil, "zeros": make([]byte, authSize), "the file's": r.rec.Auth, "another": randomAuth()} {
		guess := *b
		guess.auth = value
		if _, err := guess.sign(d.raw(), r.parent, make([]byte, 32)); !is(err, tpm2.TPMRCAuthFail) && !is(err, tpm2.TPMRCBadAuth) {
			t.Errorf("sign with %s: %v", name, err)
		}
	}
	// Nor is it to be had from the chip in another way.
	key, err := b.load(d.raw(), r.parent)
	must(t, "load", err)
	_, err = tpm2.Duplicate{
		ObjectHandle:    tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: b.proof()},
		NewParentHandle: tpm2.NamedHandle{Handle: tpm2.TPMRHNull},
		Symmetric:       tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
	}.Execute(d.raw())
	if err == nil {
		t.Error("the chip gave the private key out")
	}
}

// TestLacking: what a chip lacks is a software key sealed to it.
func TestLacking(t *testing.T) {
	d := newDevice(t)
	p384 := []byte{0, byte(tpm2.TPMECCNistP384), 0, byte(tpm2.TPMAlgNull)} // curve and KDF
	lacks := func(open Opener) Opener {
		return without(open, func(command []byte) tpm2.TPMRC {
			if commandCode(command) != tpm2.TPMCCTestParms {
				return 0
			}
			if command[responseHeader+1] == byte(tpm2.TPMAlgRSA) {
				return tpm2.TPMRCKeySize + 0x140 // of the first parameter
			}
			if bytes.Contains(command[responseHeader+2:], p384) {
				return tpm2.TPMRCCurve + 0x140 // of the first parameter
			}
			return 0
		})
	}
	must(t, "create", Create(t.Context(), d.path, lacks(d.bus.open), Options{}))
	r := d.mustOpen()
	for _, alg := range r.Algorithms() {
		if alg.InChip != (alg.ID == ctap.ES256) {
			t.Errorf("%v in the chip: %v", alg.ID, alg.InChip)
		}
	}
	for _, alg := range []ctap.Algorithm{ctap.ES384, ctap.RS256} {
		_, k, err := r.Create(t.Context(), alg, []byte("site"), keystore.Ungated)
		must(t, "create", err)
		if _, inChip := k.(*key); inChip {
			t.Errorf("a key of %v is in the chip", alg)
		}
		_, err = k.Sign(t.Context(), make([]byte, alg.Hash().Size()), alg.Hash())
		must(t, "sign", err)
	}
	whole := created(t).mustOpen()
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.RS256} {
		if !slices.Contains(whole.Algorithms(), keystore.Algorithm{ID: alg, InChip: true}) {
			t.Errorf("%v is not in a chip that has it", alg)
		}
	}
}

// TestForeignKeys: material of one TPM is refused by another, and what it would
// sign with is not there.
func TestForeignKeys(t *testing.T) {
	d, other := created(t), created(t)
	r := d.mustOpen()
	h, _, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	must(t, "create", err)
	b := blobOf(t, r, h)
	o := other.mustOpen()
	_, err = b.sign(o.chip, o.parent, make([]byte, 32))
	wants(t, "sign in another TPM", err, ErrOtherTPM)
	r.Close()
	o.Close()
	copyFile(t, other.path, d.path)
	_, err = other.open(Options{})
	wants(t, "open in another TPM", err, ErrOtherTPM)
	wants(t, "destroy in another TPM", Destroy(t.Context(), other.path, other.bus.open, Options{}), ErrOtherTPM)
}
