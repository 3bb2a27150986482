package authenticator

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

var errCut = errors.New("the power is gone")

// gatedRoot is a root with another gate.
type gatedRoot struct {
	keystore.Root
	gate *cutGate
}

func (r gatedRoot) Gate() keystore.Gate { return r.gate }

func newGatedRoot() gatedRoot {
	root := memory.NewRoot(nil)
	return gatedRoot{root, &cutGate{Gate: root.Gate()}}
}

// cutGate loses the answer to SetPIN, or denies that there is a PIN. It notes
// where the hashes that it was given lie.
type cutGate struct {
	keystore.Gate
	lost, silent, denies bool
	given                [][]byte
}

func (g *cutGate) SetPIN(ctx context.Context, pinHash []byte) error {
	g.given = append(g.given, pinHash)
	err := g.Gate.SetPIN(ctx, pinHash)
	if g.lost {
		return errCut
	}
	return err
}

func (g *cutGate) Open(ctx context.Context, pinHash []byte) error {
	g.given = append(g.given, pinHash)
	return g.Gate.Open(ctx, pinHash)
}

func (g *cutGate) State(ctx context.Context) (keystore.GateState, error) {
	if g.silent {
		return keystore.GateState{}, errCut
	}
	s, err := g.Gate.State(ctx)
	s.Set = s.Set && !g.denies
	return s, err
}

// TestFirstPINAnswerLost: a first PIN whose answer was lost is one from then on,
// and where the gate does not tell, it is taken to be one.
func TestFirstPINAnswerLost(t *testing.T) {
	for _, silent := range []bool{false, true} {
		ctx, root := t.Context(), newGatedRoot()
		d := newDevice(t, Config{Root: root})
		root.gate.lost, root.gate.silent = true, silent
		err := d.AsOwner(ctx, nil, func(o *Owner) error { return o.SetPIN(ctx, []byte("1234")) })
		mustBe(t, "first PIN", err, errCut)
		root.gate.lost, root.gate.silent = false, false
		never := func(*Owner) error { t.Error("ran without the PIN"); return nil }
		mustBe(t, "no PIN", d.AsOwner(ctx, nil, never), ctap.ErrPUATRequired)
		mustBe(t, "a wrong PIN", d.AsOwner(ctx, []byte("9999"), never), ctap.ErrPINInvalid)
		_, err = d.register(ctx, rpID, "bob", nil, func(r *ctap.MakeCredentialRequest) { r.Options = map[string]bool{"rk": true} })
		mustBe(t, "register without the PIN", err, ctap.ErrPUATRequired)
		mustBe(t, "the right PIN", d.AsOwner(ctx, []byte("1234"), func(*Owner) error { return nil }), nil)
	}
}

// TestPINDenied: a gate that denies that a PIN is set is not believed once one
// was, until a reset.
func TestPINDenied(t *testing.T) {
	ctx, root, vault := t.Context(), newGatedRoot(), memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	mustBe(t, "first PIN", d.setPIN(ctx, "1234"), nil)
	root.gate.denies = true
	d = newDevice(t, Config{Root: root, Vault: vault})
	never := func(*Owner) error { t.Error("ran without the PIN"); return nil }
	mustBe(t, "no PIN", d.AsOwner(ctx, nil, never), ctap.ErrPUATRequired)
	mustBe(t, "any PIN", d.AsOwner(ctx, []byte("9999"), never), ctap.ErrPINNotSet)
	mustBe(t, "another first PIN", d.setPIN(ctx, "4321"), ctap.ErrPINAuthInvalid)
	if s, _, err := d.PINState(ctx); !s.Set || err != nil {
		t.Errorf("state %+v, %v", s, err)
	}
	root.gate.denies = false
	d = newDevice(t, Config{Root: root, Vault: vault})
	mustBe(t, "the right PIN", d.AsOwner(ctx, []byte("1234"), func(*Owner) error { return nil }), nil)
	mustBe(t, "reset", d.Erase(ctx), nil)
	d = newDevice(t, Config{Root: root, Vault: vault})
	mustBe(t, "no PIN after a reset", d.AsOwner(ctx, nil, func(*Owner) error { return nil }), nil)
}

// TestPINRemembered: a device of before remembers the PIN that its gate has.
func TestPINRemembered(t *testing.T) {
	ctx, root, vault := t.Context(), newGatedRoot(), memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	mustBe(t, "first PIN", d.setPIN(ctx, "1234"), nil)
	mustBe(t, "forget", d.change(ctx, func(s *state) { s.PINSet = false }), nil)
	newDevice(t, Config{Root: root, Vault: vault})
	root.gate.denies = true
	d = newDevice(t, Config{Root: root, Vault: vault})
	mustBe(t, "no PIN", d.AsOwner(ctx, nil, func(*Owner) error { return nil }), ctap.ErrPUATRequired)
}

// TestOwnerOfBefore: who became the owner before the PIN was set or changed, or
// before a reset, is it no longer.
func TestOwnerOfBefore(t *testing.T) {
	for name, test := range map[string]struct {
		pin    string // when it began
		happen func(ctx context.Context, d *device) error
	}{
		"first PIN":  {"", func(ctx context.Context, d *device) error { return d.setPIN(ctx, "1234") }},
		"PIN change": {"1111", func(ctx context.Context, d *device) error { return d.newPIN(ctx, "1111", "1234") }},
		"reset":      {"1111", func(ctx context.Context, d *device) error { return d.Erase(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			d := newDevice(t, Config{Copyable: true})
			if test.pin != "" {
				mustBe(t, "first PIN", d.setPIN(ctx, test.pin), nil)
			}
			err := d.AsOwner(ctx, []byte(test.pin), func(o *Owner) error {
				mustBe(t, "delete as the owner", o.Delete(ctx, []byte("x")), fs.ErrNotExist)
				mustBe(t, name, test.happen(ctx, d), nil)
				_, imported := o.Import(ctx, nil)
				for what, err := range map[string]error{
					"list":      o.Passkeys(ctx, func(Passkey) error { return nil }),
					"rename":    o.Rename(ctx, []byte("x"), "", ""),
					"delete":    o.Delete(ctx, []byte("x")),
					"set PIN":   o.SetPIN(ctx, []byte("6666")),
					"export":    o.Export(ctx, func(Passkey, []byte, int) error { return nil }),
					"backed up": o.BackedUp(ctx),
					"import":    imported,
					"move":      o.Move(ctx, Move{Root: memory.NewRoot(nil), Vault: memory.NewVault()}),
				} {
					mustBe(t, what, err, ctap.ErrPUATRequired)
				}
				return nil
			})
			mustBe(t, "as the owner", err, nil)
		})
	}
}

// TestExportEndsWithPIN: an export that is under way ends with the PIN that its
// owner has proven.
func TestExportEndsWithPIN(t *testing.T) {
	ctx := t.Context()
	d := newDevice(t, Config{Copyable: true})
	for _, user := range []string{"alice", "bob"} {
		_, err := d.register(ctx, rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
	}
	mustBe(t, "first PIN", d.setPIN(ctx, "1111"), nil)
	exported := 0
	err := d.AsOwner(ctx, []byte("1111"), func(o *Owner) error {
		return o.Export(ctx, func(Passkey, []byte, int) error {
			exported++
			return d.newPIN(ctx, "1111", "1234")
		})
	})
	mustBe(t, "export", err, ctap.ErrPUATRequired)
	if exported != 1 {
		t.Errorf("%d passkeys were exported", exported)
	}
}

// TestPINHashWiped: no hash of a PIN that went to the gate is left.
func TestPINHashWiped(t *testing.T) {
	ctx, root := t.Context(), newGatedRoot()
	d := newDevice(t, Config{Root: root})
	wiped := func(what string, least int) {
		t.Helper()
		for _, hash := range root.gate.given {
			if [16]byte(hash) != [16]byte{} {
				t.Errorf("%s: a hash is left", what)
			}
		}
		if len(root.gate.given) < least {
			t.Errorf("%s: %d hashes", what, len(root.gate.given))
		}
		root.gate.given = nil
	}
	var owner *Owner
	as := func(pin, next string) error {
		return d.AsOwner(ctx, []byte(pin), func(o *Owner) error { owner = o; return o.SetPIN(ctx, []byte(next)) })
	}
	mustBe(t, "first PIN", as("", "1234"), nil)
	wiped("first PIN as the owner", 1)
	if owner.pinHash != [16]byte{} {
		t.Error("the owner of the first PIN keeps its hash")
	}
	mustBe(t, "PIN change", as("1234", "4321"), nil)
	wiped("PIN change as the owner", 2)
	if owner.pinHash != [16]byte{} {
		t.Error("the owner keeps the PIN's hash")
	}
	mustBe(t, "change", d.newPIN(ctx, "4321", "5555"), nil)
	wiped("change by a client", 2)
	_, err := d.pinToken(ctx, "5555", ctap.PermissionCM, "")
	mustBe(t, "token", err, nil)
	wiped("token", 1)
	mustBe(t, "unlock", d.Unlock(ctx, []byte("5555"), false), nil)
	mustBe(t, "unlock", d.Unlock(ctx, []byte("9999"), false), ctap.ErrPINInvalid)
	wiped("unlock", 2)
	mustBe(t, "reset", d.Erase(ctx), nil)
	mustBe(t, "first PIN", d.setPIN(ctx, "1234"), nil)
	wiped("first PIN by a client", 1)
}
