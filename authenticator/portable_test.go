package authenticator

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

const movingPIN = "493817"

// moving is a device with a PIN and one passkey of each sort.
func moving(t *testing.T, copyable bool) *device {
	t.Helper()
	ctx := t.Context()
	d := newDevice(t, Config{Copyable: copyable})
	mustBe(t, "set PIN", d.setPIN(ctx, movingPIN), nil)
	for name, change := range map[string]func(*ctap.MakeCredentialRequest){
		"plain":  nil,
		"gated":  func(r *ctap.MakeCredentialRequest) { r.Extensions = extensions(t, ctap.ExtCredProtect, 3) },
		"hidden": func(r *ctap.MakeCredentialRequest) { r.Options = nil },
		"ed25519": func(r *ctap.MakeCredentialRequest) {
			r.PubKeyCredParams = []ctap.PubKeyParam{{Alg: ctap.EdDSA, Type: ctap.TypePublicKey}}
		},
	} {
		token, err := d.pinToken(ctx, movingPIN, ctap.PermissionMC, name+".example")
		mustBe(t, "token", err, nil)
		_, err = d.register(ctx, name+".example", "alice", token, change)
		mustBe(t, "register", err, nil)
	}
	return d
}

func extensions(t *testing.T, id string, v any) ctap.Extensions {
	t.Helper()
	raw, err := ctap.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return ctap.Extensions{id: raw}
}

// answers are what a device says at each site: the public facts of its passkeys,
// and hmac-secret's outputs with and without verification.
func answers(t *testing.T, d *device) map[string][]byte {
	t.Helper()
	ctx := t.Context()
	all := map[string][]byte{}
	for _, p := range passkeys(t, d, movingPIN) {
		for _, verified := range []bool{false, true} {
			if p.CredProtect == ctap.CredProtectRequired && !verified {
				continue
			}
			var token []byte
			if verified {
				var err error
				token, err = d.pinToken(ctx, movingPIN, ctap.PermissionGA, p.RPID)
				mustBe(t, "token", err, nil)
			}
			mine, secret, err := d.agree(ctx, pinuv.Two)
			mustBe(t, "agree", err, nil)
			salt, err := secret.Encrypt(make([]byte, 32))
			mustBe(t, "salt", err, nil)
			reply, err := d.login(ctx, p.RPID, token, func(r *ctap.GetAssertionRequest) {
				r.AllowList = []ctap.Descriptor{{ID: p.ID, Type: ctap.TypePublicKey}}
				r.Extensions = extensions(t, ctap.ExtHMACSecret, ctap.HMACSecretInput{
					KeyAgreement: mine, SaltEnc: salt, SaltAuth: secret.Authenticate(salt), PinUvAuthProtocol: ptr(uint64(2)),
				})
			})
			mustBe(t, "sign in at "+p.RPID, err, nil)
			data, err := ctap.ParseAuthData(reply.AuthData)
			mustBe(t, "authData", err, nil)
			var outputs map[string]ctap.Bytes
			mustBe(t, "outputs", ctap.Unmarshal(data.Extensions, &outputs), nil)
			out, err := secret.Decrypt(outputs[ctap.ExtHMACSecret])
			mustBe(t, "decrypt", err, nil)
			name := p.RPID
			if verified {
				name += " verified"
			}
			all[name] = slices.Concat(p.ID, p.PublicKey, []byte(p.Account.Name), out)
		}
	}
	return all
}

func same(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s: another passkey, or another hmac-secret", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d answers, want %d", len(got), len(want))
	}
}

func asOwner(t *testing.T, d *device, f func(context.Context, *Owner) error) error {
	t.Helper()
	return d.AsOwner(t.Context(), []byte(movingPIN), func(o *Owner) error { return f(t.Context(), o) })
}

func highestCounter(t *testing.T, d *device, rpID string) uint32 {
	t.Helper()
	reply, err := d.login(t.Context(), rpID, nil, nil)
	mustBe(t, "sign in", err, nil)
	data, err := ctap.ParseAuthData(reply.AuthData)
	mustBe(t, "authData", err, nil)
	return data.SignCount
}

// A device that has moved is the same device: its passkeys, their hmac-secret
// keys, its PIN and settings; and counters go on above.
func TestMove(t *testing.T) {
	d := moving(t, false)
	mustBe(t, "always verify", d.change(t.Context(), func(s *state) { s.MinPINLength = 5 }), nil)
	want := answers(t, d)
	before := highestCounter(t, d, "plain.example")

	to := Config{Root: memory.NewRoot(nil), Vault: memory.NewVault()}
	var told []int
	mustBe(t, "move", asOwner(t, d, func(ctx context.Context, o *Owner) error {
		return o.Move(ctx, Move{Root: to.Root, Vault: to.Vault, Progress: func(done, total int) { told = append(told, done, total) }})
	}), nil)
	if !slices.Equal(told, []int{0, 4, 4, 4}) {
		t.Errorf("progress was %v", told)
	}
	moved := newDevice(t, to)
	same(t, answers(t, moved), want)
	if after := highestCounter(t, moved, "plain.example"); after <= before {
		t.Errorf("the counter went from %d to %d", before, after)
	}
	if moved.state.MinPINLength != 5 || moved.state.DeviceID != d.state.DeviceID || moved.state.PersistentToken != d.state.PersistentToken {
		t.Errorf("moved with the state %+v", moved.state)
	}
	mustBe(t, "check", moved.Check(t.Context()), nil)
	mustBe(t, "wrong PIN", moved.AsOwner(t.Context(), []byte("000000"), nil), ctap.ErrPINInvalid)

	// What was brought is taken along again.
	further := Config{Root: memory.NewRoot(nil), Vault: memory.NewVault()}
	mustBe(t, "move on", asOwner(t, moved, func(ctx context.Context, o *Owner) error {
		return o.Move(ctx, Move{Root: further.Root, Vault: further.Vault})
	}), nil)
	same(t, answers(t, newDevice(t, further)), want)
}

// A PIN that was changed in the same call is the one that moves.
func TestMoveTakesPresentPIN(t *testing.T) {
	d := newDevice(t, Config{})
	to := Config{Root: memory.NewRoot(nil), Vault: memory.NewVault()}
	move := func(ctx context.Context, o *Owner) error {
		return o.Move(ctx, Move{Root: to.Root, Vault: to.Vault})
	}
	mustBe(t, "without a PIN", asOwner(t, d, move), ctap.ErrPINNotSet)
	mustBe(t, "move", asOwner(t, d, func(ctx context.Context, o *Owner) error {
		mustBe(t, "set PIN", o.SetPIN(ctx, []byte("271828")), nil)
		return move(ctx, o)
	}), nil)
	mustBe(t, "PIN", newDevice(t, to).AsOwner(t.Context(), []byte("271828"), func(*Owner) error { return nil }), nil)
}

// chip is a root whose ES256 keys cannot leave it.
type chip struct{ keystore.Root }

func (c chip) ExportKey(ctx context.Context, h keystore.Handle, binding []byte) (ctap.Algorithm, []byte, error) {
	exporter, _ := c.Root.(keystore.Exporter)
	alg, private, err := exporter.ExportKey(ctx, h, binding)
	if alg == ctap.ES256 {
		return 0, nil, keystore.ErrInChip
	}
	return alg, private, err
}

func TestMoveLeavesChipKeysBehind(t *testing.T) {
	d := moving(t, false)
	d.Authenticator.root = chip{d.root}
	to := Config{Root: memory.NewRoot(nil), Vault: memory.NewVault()}
	mustBe(t, "move", asOwner(t, d, func(ctx context.Context, o *Owner) error {
		return o.Move(ctx, Move{Root: to.Root, Vault: to.Vault})
	}), keystore.ErrInChip)

	to = Config{Root: memory.NewRoot(nil), Vault: memory.NewVault()}
	mustBe(t, "move", asOwner(t, d, func(ctx context.Context, o *Owner) error {
		return o.Move(ctx, Move{Root: to.Root, Vault: to.Vault, LeaveBehind: true})
	}), nil)
	moved := newDevice(t, to)
	left := passkeys(t, moved, movingPIN)
	if len(left) != 1 || left[0].RPID != "ed25519.example" {
		t.Errorf("moved %+v", left)
	}
	mustBe(t, "check", moved.Check(t.Context()), nil)
}

func exportAll(t *testing.T, d *device) (records [][]byte) {
	t.Helper()
	mustBe(t, "export", asOwner(t, d, func(ctx context.Context, o *Owner) error {
		return o.Export(ctx, func(p Passkey, record []byte, total int) error {
			if total != 4 || CheckRecord(record) != nil {
				t.Errorf("%s: one of %d: %v", p.RPID, total, CheckRecord(record))
			}
			records = append(records, bytes.Clone(record))
			return nil
		})
	}), nil)
	return records
}

// What was backed up from one device works on another, and replaces nothing.
func TestExportImport(t *testing.T) {
	d := moving(t, true)
	want := answers(t, d)
	records := exportAll(t, d)
	if len(records) != 4 || d.state.BackedUp {
		t.Fatalf("%d records, backed up %v", len(records), d.state.BackedUp)
	}
	mustBe(t, "backed up", asOwner(t, d, func(ctx context.Context, o *Owner) error { return o.BackedUp(ctx) }), nil)
	if d.flags(true, true)&ctap.FlagBS == 0 {
		t.Error("flag BS is not set after a backup")
	}

	other := newDevice(t, Config{Copyable: true})
	mustBe(t, "set PIN", other.setPIN(t.Context(), movingPIN), nil)
	token, err := other.pinToken(t.Context(), movingPIN, ctap.PermissionMC, "plain.example")
	mustBe(t, "token", err, nil)
	_, err = other.register(t.Context(), "plain.example", "alice", token, nil)
	mustBe(t, "register", err, nil)
	own := answers(t, other)

	restore := func() (outcomes []Outcome) {
		mustBe(t, "import", asOwner(t, other, func(ctx context.Context, o *Owner) error {
			done, err := o.Import(ctx, records)
			for _, i := range done {
				outcomes = append(outcomes, i.Outcome)
			}
			return err
		}), nil)
		slices.Sort(outcomes)
		return outcomes
	}
	if got := restore(); !slices.Equal(got, []Outcome{Added, Added, Added, Taken}) {
		t.Errorf("outcomes %v", got)
	}
	if got := restore(); !slices.Equal(got, []Outcome{Present, Present, Present, Taken}) {
		t.Errorf("outcomes the second time %v", got)
	}
	for name, answer := range own {
		want[name] = answer
	}
	same(t, answers(t, other), want)
	if !other.state.BackedUp {
		t.Error("passkeys that came from a backup count as not backed up")
	}
	mustBe(t, "check", other.Check(t.Context()), nil)
}

// Bound passkeys neither leave nor enter.
func TestExportRefuses(t *testing.T) {
	records := exportAll(t, moving(t, true))
	bound := moving(t, false)
	for name, f := range map[string]func(context.Context, *Owner) error{
		"export":    func(ctx context.Context, o *Owner) error { return o.Export(ctx, nil) },
		"import":    func(ctx context.Context, o *Owner) error { _, err := o.Import(ctx, records); return err },
		"backed up": func(ctx context.Context, o *Owner) error { return o.BackedUp(ctx) },
	} {
		mustBe(t, name, asOwner(t, bound, f), ErrDeviceBound)
	}
	open := newDevice(t, Config{Copyable: true})
	mustBe(t, "export without a PIN", open.AsOwner(t.Context(), nil, func(o *Owner) error { return o.Export(t.Context(), nil) }), ctap.ErrPINNotSet)
}

// A record that does not hold what it says changes nothing.
func TestImportRefusesDamage(t *testing.T) {
	records := exportAll(t, moving(t, true))
	d := newDevice(t, Config{Copyable: true})
	mustBe(t, "set PIN", d.setPIN(t.Context(), movingPIN), nil)
	change := func(f func(*portable)) []byte {
		p, err := parsePortable(records[0])
		mustBe(t, "parse", err, nil)
		f(p)
		record, err := ctap.Marshal(p)
		mustBe(t, "marshal", err, nil)
		return record
	}
	for name, tt := range map[string]struct {
		record []byte
		want   error
	}{
		"cut":         {records[0][:len(records[0])-1], keystore.ErrCorrupt},
		"empty":       {nil, keystore.ErrCorrupt},
		"newer":       {change(func(p *portable) { p.Version = 2 }), keystore.ErrNewerSchema},
		"other key":   {change(func(p *portable) { p.Private = bytes.Repeat([]byte{1}, 32) }), keystore.ErrCorrupt},
		"short ID":    {change(func(p *portable) { p.ID = p.ID[1:] }), keystore.ErrCorrupt},
		"no secret":   {change(func(p *portable) { p.WithUV = nil }), keystore.ErrCorrupt},
		"other site":  {change(func(p *portable) { p.Credential.RPID = "evil.example" }), keystore.ErrCorrupt},
		"user ID":     {change(func(p *portable) { p.Credential.UserID = make([]byte, 65) }), keystore.ErrCorrupt},
		"no account":  {change(func(p *portable) { p.Credential.Discoverable, p.Credential.UserID = true, nil }), keystore.ErrCorrupt},
		"long name":   {change(func(p *portable) { p.Credential.DisplayName = strings.Repeat("x", maxText+1) }), keystore.ErrCorrupt},
		"long site":   {change(func(p *portable) { p.Credential.RPName = strings.Repeat("x", maxText+1) }), keystore.ErrCorrupt},
		"long key":    {change(func(p *portable) { p.Private = make([]byte, maxPrivate+1) }), keystore.ErrCorrupt},
		"credBlob":    {change(func(p *portable) { p.Credential.CredBlob = make([]byte, 65) }), keystore.ErrCorrupt},
		"blob key":    {change(func(p *portable) { p.Credential.LargeBlobKey = make([]byte, 31) }), keystore.ErrCorrupt},
		"large blob":  {change(func(p *portable) { p.LargeBlob = &LargeBlob{Data: make([]byte, 64<<10+1)} }), keystore.ErrCorrupt},
		"protection":  {change(func(p *portable) { p.Credential.CredProtect = 4 }), keystore.ErrCorrupt},
		"algorithm 0": {change(func(p *portable) { p.Credential.Alg = 0 }), keystore.ErrUnsupported},
	} {
		err := asOwner(t, d, func(ctx context.Context, o *Owner) error {
			_, err := o.Import(ctx, [][]byte{records[1], tt.record})
			return err
		})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if all := passkeys(t, d, movingPIN); len(all) != 0 {
		t.Errorf("%d passkeys were imported", len(all))
	}
}

// Whatever is read as a record says the same once it is written and read again.
func FuzzPortable(f *testing.F) {
	good, err := ctap.Marshal(portable{Version: 1, ID: make([]byte, 32), Private: []byte{1},
		WithoutUV: make([]byte, 32), WithUV: make([]byte, 32),
		Credential: credential{RPIDHash: make([]byte, 32), CredProtect: 1, Handle: []byte{}, PublicKey: ctap.RawMessage{0xA0}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xA1, 1, 2})
	f.Fuzz(func(t *testing.T, record []byte) {
		p, err := parsePortable(record)
		if err != nil {
			return
		}
		written, err := ctap.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parsePortable(written)
		if err != nil {
			t.Fatalf("%x was read, and %x, the same, is not: %v", record, written, err)
		}
		if second, err := ctap.Marshal(again); err != nil || !bytes.Equal(second, written) {
			t.Errorf("%x became %x, %v", written, second, err)
		}
	})
}
