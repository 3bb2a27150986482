package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/keystore"
)

// Check reads everything that the vault has of the device, and compares what the
// records say of each other: keystore.ErrCorrupt, naming the record, where
// something is damaged or missing. It tells nothing of what is there, so it asks
// for no PIN, and commands are answered meanwhile.
func (a *Authenticator) Check(ctx context.Context) error {
	err := a.vault.View(ctx, func(tx keystore.Tx) error {
		var s state
		_, outlives := a.vault.Vault.(keystore.DurableVault)
		switch err := get(tx, stateID, &s); {
		case errors.Is(err, fs.ErrNotExist) && !outlives:
			s.Credentials = 1 // in memory there is no state before the first change
		case err != nil:
			return fmt.Errorf("the device's state: %w", err)
		}
		found := map[[32]byte]uint64{} // discoverable ones of an rpIdHash
		all, err := checkCredentials(ctx, tx, found)
		if err != nil {
			return err
		}
		if s.Credentials > 0 && s.Credentials != all+1 {
			return fmt.Errorf("the device's state: %w: it counts %d passkeys, and there are %d", keystore.ErrCorrupt, s.Credentials-1, all)
		}
		return checkSites(tx, &s, found)
	})
	if err != nil {
		return fmt.Errorf("check the vault: %w", err)
	}
	return nil
}

// checkCredentials reads every credential and what is stored with it, and counts
// them.
func checkCredentials(ctx context.Context, tx keystore.Tx, found map[[32]byte]uint64) (all uint64, err error) {
	err = tx.Scan(keystore.Index{Kind: listAll}, nil, func(r keystore.Record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := &credential{ID: r.ID}
		if err := decode(r, c); err != nil {
			return err
		}
		if len(c.RPIDHash) != 32 {
			return fmt.Errorf("record %x: %w", r.ID, keystore.ErrCorrupt)
		}
		all++
		if c.Discoverable {
			found[[32]byte(c.RPIDHash)]++
		}
		if _, err := tx.Get(largeBlobID(c.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return all, err
}

// checkSites compares the sites' records and the state with the credentials.
func checkSites(tx keystore.Tx, s *state, found map[[32]byte]uint64) error {
	var sites, discoverable uint64
	err := tx.Scan(keystore.Index{Kind: listRPs}, nil, func(r keystore.Record) error {
		var rp site
		if err := decode(r, &rp); err != nil {
			return err
		}
		if len(rp.Hash) != 32 || rp.Count != found[[32]byte(rp.Hash)] {
			return fmt.Errorf("record %x: %w: it counts other passkeys than there are", r.ID, keystore.ErrCorrupt)
		}
		sites++
		discoverable += rp.Count
		return nil
	})
	if err != nil {
		return err
	}
	if sites != uint64(len(found)) || sites != s.RPs || discoverable != s.Discoverable {
		return fmt.Errorf("the lists of sites: %w: they count other passkeys than there are", keystore.ErrCorrupt)
	}
	return nil
}
