package tpm

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// impostor makes a file of somebody who knows only what the chip tells everyone,
// and in it the indices of a victim's.
func impostor(t *testing.T, d *device, stage stage) (path string) {
	t.Helper()
	r := d.mustOpen()
	victim, p := *r.rec, r.parent
	must(t, "close", r.Close())
	rec := &record{
		Stage: stage, Parent: p.handle, ParentPublic: tpm2.Marshal(*p.public), Auth: randomAuth(),
		Device: victim.Device, Counter: victim.Counter, Scratch: victim.Gate.Tries,
	}
	var mine *keystore.Secret
	if stage != settingUp {
		mine = newGateSecret()
		must(t, "a gate of his own", rec.Gate.belongTo(newGateSecret()))
		rec.Gate.Tries, rec.Gate.Secret = victim.Gate.Tries, victim.Gate.Secret
		var err error
		rec.InstallationPublic, rec.InstallationPrivate, err = p.seal(d.raw(), mine[:], rec.Auth)
		must(t, "seal", err)
	}
	data, err := rec.encode(mine)
	must(t, "encode", err)
	path = filepath.Join(t.TempDir(), "root")
	must(t, "write", os.WriteFile(path, data, 0o600))
	return path
}

// TestImpostorFile: a file that names another device's indices makes its owner
// remove none of them, whatever it says of how far it has come.
func TestImpostorFile(t *testing.T) {
	d := created(t)
	password := []byte("owner")
	setOwner(t, d.raw(), nil, password)
	with := Options{OwnerPassword: password}
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	before, err := r.NextRun(t.Context())
	must(t, "count", err)
	must(t, "close", r.Close())
	unharmed := func(after string) {
		t.Helper()
		r := d.mustOpen()
		defer r.Close()
		must(t, after+": right PIN", r.Gate().Open(t.Context(), pin(1)))
		n, err := r.NextRun(t.Context())
		if err != nil || n != before+1 {
			t.Errorf("%s: run %d after %d, %v", after, n, before, err)
		}
		before = n
	}
	for _, s := range []stage{settingUp, ready, resetting} {
		must(t, "destroy", Destroy(t.Context(), impostor(t, d, s), d.bus.open, with))
		unharmed("destroy")
		if s == settingUp {
			path := impostor(t, d, s)
			must(t, "create", Create(t.Context(), path, d.bus.open, with))
			unharmed("create")
			must(t, "destroy what was created", Destroy(t.Context(), path, d.bus.open, with))
			unharmed("destroy what was created")
		}
		_ = Destroy(t.Context(), impostor(t, d, s), d.bus.open, Options{}) // shreds what it can
		unharmed("destroy without the password")
	}
}

// TestDestroyForged: a file that is not authentic, though its hash is right,
// destroys nothing.
func TestDestroyForged(t *testing.T) {
	d := created(t)
	data, err := os.ReadFile(d.path)
	must(t, "read", err)
	rec, err := parse(data)
	must(t, "parse", err)
	rec.Counter++
	forged, err := rec.encode(new(keystore.Secret))
	must(t, "encode", err)
	must(t, "write", os.WriteFile(d.path, forged, 0o600))
	wants(t, "destroy", Destroy(t.Context(), d.path, d.bus.open, Options{}), keystore.ErrCorrupt)
	must(t, "write", os.WriteFile(d.path, data, 0o600))
	works(t, d.mustOpen(), -1)
}

// TestFileOfOthers: a file that belongs to another user is refused. Only root can
// make one.
func TestFileOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	d := created(t)
	must(t, "chown", os.Chown(d.path, 12345, -1))
	_, err := d.open(Options{})
	wants(t, "open", err, fs.ErrPermission)
	wants(t, "destroy", Destroy(t.Context(), d.path, d.bus.open, Options{}), fs.ErrPermission)
	wants(t, "create", d.create(Options{}), fs.ErrPermission)
}

// TestLooseParent: a storage key that a chip lets out is none: the owner password
// would go in a session that somebody else can read.
func TestLooseParent(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	for _, loosen := range []func(*tpm2.TPMAObject){
		func(a *tpm2.TPMAObject) { a.FixedTPM = false },
		func(a *tpm2.TPMAObject) { a.SensitiveDataOrigin = false },
	} {
		public := *r.parent.public
		loosen(&public.ObjectAttributes)
		rec := record{ParentPublic: tpm2.Marshal(public)}
		_, err := rec.parent()
		wants(t, "parent", err, keystore.ErrCorrupt)
	}
}

// An interposer speaks on the bus in both directions.
type interposer struct {
	transport.TPMCloser
	command func(command []byte) []byte
	answer  func(command, answer []byte) []byte
}

func (i *interposer) Send(command []byte) ([]byte, error) {
	if i.command != nil {
		command = i.command(bytes.Clone(command))
	}
	answer, err := i.TPMCloser.Send(command)
	if err == nil && i.answer != nil {
		answer = i.answer(command, answer)
	}
	return answer, err
}

func (d *device) through(i interposer) Opener {
	return func() (transport.TPMCloser, error) {
		t, err := d.bus.open()
		if err != nil {
			return nil, err
		}
		i := i
		i.TPMCloser = t
		return &i, nil
	}
}

// TestMarkDenied: the mark that a PIN is set is read without a session, so who
// speaks on the bus can deny it; the device remembers better.
func TestMarkDenied(t *testing.T) {
	d := created(t)
	vault := memory.NewVault()
	start := func(open Opener) (*authenticator.Authenticator, func()) {
		t.Helper()
		r, err := Open(t.Context(), d.path, open, Options{})
		must(t, "open", err)
		a, err := authenticator.New(t.Context(), authenticator.Config{Root: r, Vault: vault})
		must(t, "start", err)
		return a, func() {
			must(t, "stop", a.Close(t.Context()))
			must(t, "close", r.Close())
		}
	}
	a, stop := start(d.bus.open)
	must(t, "first PIN", a.AsOwner(t.Context(), nil, func(o *authenticator.Owner) error { return o.SetPIN(t.Context(), []byte("123456")) }))
	stop()
	r := d.mustOpen()
	unmarked := r.gate.policies.secret.written()
	must(t, "close", r.Close())

	a, stop = start(d.through(interposer{answer: func(command, answer []byte) []byte {
		if commandCode(command) != tpm2.TPMCCNVReadPublic || tpm2.TPMHandle(binary.BigEndian.Uint32(command[10:])) != unmarked.handle() {
			return answer
		}
		body := append(tpm2.Marshal(tpm2.New2B(unmarked.public)), tpm2.Marshal(unmarked.name())...)
		forged := binary.BigEndian.AppendUint16(nil, uint16(tpm2.TPMSTNoSessions))
		forged = binary.BigEndian.AppendUint32(forged, uint32(responseHeader+len(body)))
		return append(append(forged, 0, 0, 0, 0), body...)
	}}))
	never := func(*authenticator.Owner) error { t.Error("an owner without the PIN"); return nil }
	wants(t, "no PIN", a.AsOwner(t.Context(), nil, never), ctap.ErrPUATRequired)
	wants(t, "a wrong PIN", a.AsOwner(t.Context(), []byte("654321"), never), ctap.ErrPINNotSet)
	if s, _, err := a.PINState(t.Context()); err != nil || !s.Set {
		t.Errorf("the state is %+v, %v", s, err)
	}
	stop()
	a, stop = start(d.bus.open)
	defer stop()
	must(t, "the right PIN", a.AsOwner(t.Context(), []byte("123456"), func(*authenticator.Owner) error { return nil }))
}

// TestFirstPINCut: wherever the answer to a first PIN is lost, the device knows
// whether there is one now.
func TestFirstPINCut(t *testing.T) {
	for n := 1; ; n++ {
		d := created(t)
		r := d.mustOpen()
		a, err := authenticator.New(t.Context(), authenticator.Config{Root: r, Vault: memory.NewVault()})
		must(t, "start", err)
		d.bus.stop(n, true)
		err = a.AsOwner(t.Context(), nil, func(o *authenticator.Owner) error { return o.SetPIN(t.Context(), []byte("123456")) })
		cut := d.bus.resume()
		if !cut {
			must(t, "without a cut", err)
			break
		}
		s, _, stateErr := a.PINState(t.Context())
		wrong := a.AsOwner(t.Context(), []byte("654321"), func(*authenticator.Owner) error { return nil })
		if stateErr != nil || s.Set && wrong == nil {
			t.Errorf("cut at command %d (%v): state %+v, %v; a wrong PIN: %v", n, err, s, stateErr, wrong)
		}
		must(t, "stop", a.Close(t.Context()))
		must(t, "close", r.Close())
	}
}

// TestBoundChip: a chip that binds sessions to an index that counts is not used:
// the PIN could be guessed from its answers.
func TestBoundChip(t *testing.T) {
	d := newDevice(t)
	binding := 0
	open := d.through(interposer{command: func(command []byte) []byte {
		// The chip hears of a session that is bound to nothing.
		if bind := command[min(14, len(command)-4):]; commandCode(command) == tpm2.TPMCCStartAuthSession && bind[0] == 1 {
			binary.BigEndian.PutUint32(bind, uint32(tpm2.TPMRHNull))
			binding++
		}
		return command
	}})
	err := Create(t.Context(), d.path, open, Options{})
	wants(t, "create", err, ErrUnfit)
	if binding != 1 {
		t.Errorf("%d sessions were bound", binding)
	}
	h, err := Inspect(t.Context(), d.bus.open)
	if err != nil || len(h.Indices) != 0 {
		t.Errorf("left: %+v, %v", h.Indices, err)
	}
	_, err = os.Stat(d.path)
	wants(t, "the file", err, fs.ErrNotExist)
}
