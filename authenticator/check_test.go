package authenticator

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
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
