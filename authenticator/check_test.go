package authenticator

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// What the records say of each other is compared, and no PIN is asked.
func TestCheck(t *testing.T) {
	ctx := t.Context()
	mustBe(t, "empty", newDevice(t, Config{}).Check(ctx), nil)
	hash := sum([]byte(rpID))
	for name, damage := range map[string]func(keystore.Tx) error{
		"nothing": func(keystore.Tx) error { return nil },
		"a passkey lost": func(tx keystore.Tx) error {
			c, err := onList(tx, rpList(hash[:]))
			if err != nil {
				return err
			}
			return tx.Delete(c.ID)
		},
		"a site lost": func(tx keystore.Tx) error { return tx.Delete(siteID(hash[:])) },
		"a site renamed": func(tx keystore.Tx) error {
			return put(tx, siteID(hash[:]), site{RPID: rpID, Count: 2}, keystore.Index{Kind: listRPs})
		},
		"a record of noise": func(tx keystore.Tx) error {
			return tx.Put(keystore.Record{ID: make([]byte, 32), Value: []byte("noise")}, keystore.Index{Kind: listAll})
		},
		"a passkey of no site": func(tx keystore.Tx) error {
			return put(tx, make([]byte, 32), credential{Alg: ctap.ES256}, keystore.Index{Kind: listAll})
		},
		"a passkey put back": func(tx keystore.Tx) error {
			c := credential{Alg: ctap.ES256, RPID: rpID, RPIDHash: hash[:]}
			return put(tx, make([]byte, 32), c, keystore.Index{Kind: listAll})
		},
		"a passkey that the site names lost": func(tx keystore.Tx) error {
			other := sum([]byte("other.example"))
			var id []byte
			err := tx.Scan(keystore.Index{Kind: listAll}, nil, func(r keystore.Record) error {
				c := &credential{ID: r.ID}
				if err := decode(r, c); err == nil && string(c.RPIDHash) == string(other[:]) {
					id = r.ID
				}
				return nil
			})
			return errors.Join(err, tx.Delete(id))
		},
		"the state lost": func(tx keystore.Tx) error { return tx.Delete(stateID) },
	} {
		d := registered(ctx, t, Config{}, "alice", "bob")
		_, err := d.register(ctx, "other.example", "carol", nil, func(r *ctap.MakeCredentialRequest) { r.Options = nil })
		mustBe(t, "register", err, nil)
		mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
		mustBe(t, name, d.vault.Update(ctx, damage), nil)
		err = d.Check(ctx)
		if sound := name == "nothing"; sound != (err == nil) || !sound && !errors.Is(err, keystore.ErrCorrupt) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckCounts: the count of passkeys stays right whatever comes and goes, and
// a vault of before, which has none, is sound as well.
func TestCheckCounts(t *testing.T) {
	ctx := t.Context()
	d := registered(ctx, t, Config{Copyable: true}, "alice", "bob", "alice")
	for _, user := range []string{"carol", "carol", "dave"} {
		_, err := d.register(ctx, "other.example", user, nil, func(r *ctap.MakeCredentialRequest) { r.Options = nil })
		mustBe(t, "register", err, nil)
	}
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	sound := func(when string, d *Authenticator, all uint64) {
		t.Helper()
		mustBe(t, when, d.Check(ctx), nil)
		if d.state.Credentials != all+1 {
			t.Errorf("%s: %d passkeys are counted, want %d", when, int(d.state.Credentials)-1, all)
		}
	}
	sound("registered", d.Authenticator, 5)
	root, vault := memory.NewRoot(nil), memory.NewVault()
	err := d.AsOwner(ctx, []byte("1234"), func(o *Owner) error {
		var ids [][]byte
		mustBe(t, "list", o.Passkeys(ctx, func(p Passkey) error { ids = append(ids, p.ID); return nil }), nil)
		var records [][]byte
		mustBe(t, "export", o.Export(ctx, func(_ Passkey, r []byte, _ int) error { records = append(records, slices.Clone(r)); return nil }), nil)
		for _, id := range ids[1:3] {
			mustBe(t, "delete", o.Delete(ctx, id), nil)
		}
		mustBe(t, "delete again", o.Delete(ctx, ids[1]), fs.ErrNotExist)
		sound("deleted", d.Authenticator, 3)
		_, err := o.Import(ctx, records)
		mustBe(t, "import", err, nil)
		sound("imported", d.Authenticator, 5)
		return o.Move(ctx, Move{Root: root, Vault: vault})
	})
	mustBe(t, "move", err, nil)
	moved := newDevice(t, Config{Root: root, Vault: vault})
	sound("moved", moved.Authenticator, 5)
	mustBe(t, "reset", moved.Erase(ctx), nil)
	sound("reset", moved.Authenticator, 0)

	mustBe(t, "forget", moved.change(ctx, func(s *state) { s.Credentials = 0 }), nil)
	_, err = moved.register(ctx, "other.example", "erin", nil, nil)
	mustBe(t, "register", err, nil)
	mustBe(t, "a vault of before", moved.Check(ctx), nil)
}
