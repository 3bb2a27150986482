package tpm

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

// setOwner sets or changes the owner password of a chip.
func setOwner(t *testing.T, chip transport.TPM, old, password []byte) {
	t.Helper()
	_, err := tpm2.HierarchyChangeAuth{
		AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(old)},
		NewAuth:    tpm2.TPM2BAuth{Buffer: password},
	}.Execute(chip)
	must(t, "set the owner password", err)
}

// TestOwnerPassword: set before or after the root was made, it is needed where
// indices are made or removed, and nowhere else.
func TestOwnerPassword(t *testing.T) {
	with := Options{OwnerPassword: []byte("owner")}
	for _, before := range []bool{true, false} {
		d := newDevice(t)
		if before {
			setOwner(t, d.raw(), nil, with.OwnerPassword)
			for _, opts := range []Options{{}, {OwnerPassword: []byte("wrong")}} {
				wants(t, "create", d.create(opts), ErrOwnerPassword)
				if _, err := os.Stat(d.path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("after a set-up that was refused there is a file: %v", err)
				}
			}
			must(t, "create with the password", d.create(with))
		} else {
			must(t, "create", d.create(Options{}))
			setOwner(t, d.raw(), nil, with.OwnerPassword)
		}
		r := d.mustOpen()
		works(t, r, -1)
		hasState(t, "in use", r, keystore.GateState{Set: true, Retries: 8})
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
		hasState(t, "after a wrong PIN", r, keystore.GateState{Set: true, Retries: 7})
		all := makeThings(t, r)

		for _, opts := range []Options{{}, {OwnerPassword: []byte("wrong")}} {
			r.Close()
			var err error
			r, err = d.open(opts)
			must(t, "open", err)
			hasState(t, "restarted", r, keystore.GateState{Set: true, Retries: 7})
			wants(t, "reset", r.Reset(t.Context()), ErrOwnerPassword)
			must(t, "the PIN after a reset that was refused", r.Gate().Open(t.Context(), pin(1)))
			for _, p := range protections {
				must(t, "use", all.use(t, r, p))
			}
			wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
		}
		r.Close()
		r, err := d.open(with)
		must(t, "open", err)
		must(t, "reset with the password", r.Reset(t.Context()))
		wants(t, "use Ungated", all.use(t, r, keystore.Ungated), fs.ErrNotExist)
		works(t, r, -1)
		r.Close()

		// Without the password the secrets die all the same.
		kept := d.snapshot()
		wants(t, "destroy", Destroy(t.Context(), d.path, d.bus.open, Options{}), ErrOwnerPassword)
		d.restore(kept)
		_, err = d.open(with)
		wants(t, "open what was destroyed", err, ErrStale)
		must(t, "destroy with the password", Destroy(t.Context(), d.path, d.bus.open, with))
		h, err := Inspect(t.Context(), d.bus.open)
		if err != nil || len(h.Indices) != 0 || !h.OwnerPassword {
			t.Errorf("%+v, %v", h, err)
		}
	}
}

func TestDestroy(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	works(t, r, -1)
	wants(t, "destroy an open root", Destroy(t.Context(), d.path, d.bus.open, Options{}), keystore.ErrInUse)
	// Another root on the same chip lives on.
	other := &device{t: t, path: d.path + "2", chip: d.chip, bus: bus{chip: d.chip}}
	must(t, "create", other.create(Options{}))
	// So do indices of someone else at the handles of ours.
	for _, ours := range []index{counterIndex(r.rec.Counter).written(), r.gate.secret} {
		foreign := counterIndex(ours.handle()).with(func(a *tpm2.TPMANV) { a.OwnerRead = true })
		_, err := tpm2.NVUndefineSpace{AuthHandle: owner(), NVIndex: ours.named()}.Execute(d.raw())
		must(t, "remove an index", err)
		_, err = tpm2.NVDefineSpace{AuthHandle: owner(), PublicInfo: tpm2.New2B(foreign.public)}.Execute(d.raw())
		must(t, "put another in its place", err)
	}
	_, err := r.NextRun(t.Context())
	wants(t, "count", err, ErrIndexForeign)
	r.Close()
	must(t, "destroy", Destroy(t.Context(), d.path, d.bus.open, Options{}))
	for _, name := range []string{d.path, d.path + ".lock", d.path + hintSuffix} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	r = other.mustOpen()
	works(t, r, -1)
	h, err := r.Health(t.Context())
	if err != nil || len(h.Indices) != 6 {
		t.Errorf("%+v, %v", h, err)
	}
	_, err = d.open(Options{})
	wants(t, "open what was destroyed", err, fs.ErrNotExist)
}

// TestCleared: a TPM that was cleared is another one; a storage key that was
// only removed from its handle comes back.
func TestCleared(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	all := makeThings(t, r)
	evict(t, d.raw(), r.parent.handle, r.parent.name)
	wants(t, "the PIN without the storage key", r.Gate().Open(t.Context(), pin(1)), ErrOtherTPM)
	r.Close()
	r = d.mustOpen()
	hasState(t, "with the storage key again", r, keystore.GateState{Set: true, Retries: 8})
	must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))
	for _, p := range protections {
		must(t, "use", all.use(t, r, p))
	}

	// Another key at its handle: no right PIN may count as wrong.
	evict(t, d.raw(), r.parent.handle, r.parent.name)
	raw := d.raw()
	public := tpm2.ECCSRKTemplate
	public.AuthPolicy = tpm2.TPM2BDigest{Buffer: sha256.New().Sum(nil)}
	key, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(public)}.Execute(raw)
	must(t, "another storage key", err)
	_, err = tpm2.EvictControl{Auth: owner(), PersistentHandle: r.parent.handle,
		ObjectHandle: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}}.Execute(raw)
	must(t, "keep it", err)
	flush(raw, key.ObjectHandle)
	for range 10 {
		wants(t, "the PIN with another storage key", r.Gate().Open(t.Context(), pin(1)), ErrOtherTPM)
	}
	r.Close()
	_, err = d.open(Options{})
	wants(t, "open with another storage key", err, ErrOtherTPM)
	evict(t, raw, r.parent.handle, key.Name)
	r = d.mustOpen()
	hasState(t, "with the storage key again", r, keystore.GateState{Set: true, Retries: 8})
	r.Close()

	_, err = tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHLockout, Auth: tpm2.PasswordAuth(nil)}}.Execute(raw)
	must(t, "clear", err)
	_, err = d.open(Options{})
	wants(t, "open after a clear", err, ErrOtherTPM)
}

func evict(t *testing.T, chip transport.TPM, h tpm2.TPMHandle, name tpm2.TPM2BName) {
	t.Helper()
	_, err := tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: h, Name: name}, PersistentHandle: h}.Execute(chip)
	must(t, "evict", err)
}

// TestStorageKeys takes a storage key that is there, and leaves alone what will
// not do.
func TestStorageKeys(t *testing.T) {
	for _, test := range []struct {
		name   string
		public tpm2.TPMTPublic
		auth   []byte
		want   tpm2.TPMHandle
	}{
		{"ECC", tpm2.ECCSRKTemplate, nil, firstParent},
		{"RSA", tpm2.RSASRKTemplate, nil, firstParent},
		{"with a password", tpm2.ECCSRKTemplate, []byte("password"), firstParent + 1},
		{"an endorsement key", tpm2.ECCEKTemplate, nil, firstParent + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDevice(t)
			raw := d.raw()
			key, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(test.public),
				InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: test.auth}}},
			}.Execute(raw)
			must(t, "make a key", err)
			_, err = tpm2.EvictControl{Auth: owner(), PersistentHandle: firstParent,
				ObjectHandle: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}}.Execute(raw)
			must(t, "keep it", err)
			flush(raw, key.ObjectHandle)
			must(t, "create", d.create(Options{}))
			r := d.mustOpen()
			if r.parent.handle != test.want {
				t.Errorf("the storage key is at %#x, want %#x", uint32(r.parent.handle), uint32(test.want))
			}
			works(t, r, -1)
			if test.want == firstParent {
				r.Close()
				evict(t, raw, firstParent, key.Name)
				works(t, d.mustOpen(), 1)
			}
		})
	}
}
