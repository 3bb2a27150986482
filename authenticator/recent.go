package authenticator

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// recent is the vault, and remembers the credentials that were found last as they
// are decoded: finding one costs more than all else that an assertion does beside
// signing. Each write makes it forget everything, so it never differs from the
// vault. What it gives out is shared and must not be changed; who edits a
// credential reads it with find. The caller of all but View holds the turn.
type recent struct {
	keystore.Vault
	byID   map[[credentialIDLength]byte]*credential
	bySite map[[32]byte][]*credential // the discoverable ones of an rpIdHash, newest first
	held   int
}

// recentBound is the most credentials and sites that are remembered: some MB.
const recentBound = 1 << 12

// Update implements keystore.Vault.
func (r *recent) Update(ctx context.Context, f func(keystore.Tx) error) error {
	defer r.forget()
	return r.Vault.Update(ctx, f)
}

func (r *recent) forget() { r.byID, r.bySite, r.held = nil, nil, 0 }

// room makes room for n more and reports whether there can be.
func (r *recent) room(n int) bool {
	if n > recentBound {
		return false
	}
	if r.held+n > recentBound || r.byID == nil {
		r.forget()
		r.byID = map[[credentialIDLength]byte]*credential{}
		r.bySite = map[[32]byte][]*credential{}
	}
	r.held += n
	return true
}

// credential returns the one of an ID: fs.ErrNotExist where there is none.
func (r *recent) credential(ctx context.Context, id []byte) (*credential, error) {
	if len(id) != credentialIDLength {
		return nil, fs.ErrNotExist
	}
	key := [credentialIDLength]byte(id)
	if c := r.byID[key]; c != nil {
		return c, nil
	}
	c, err := r.read(ctx, id)
	if err == nil && r.room(1) {
		r.byID[key] = c
	}
	return c, err
}

// read looks for a credential in the vault.
func (r *recent) read(ctx context.Context, id []byte) (c *credential, err error) {
	err = r.View(ctx, func(tx keystore.Tx) error {
		c, err = find(tx, bytes.Clone(id))
		return err
	})
	return c, err
}

// listed returns the credentials of a descriptor list that belong to a site, in
// the list's order. What is unknown, of another site or another type is left
// out.
func (r *recent) listed(ctx context.Context, rpIDHash []byte, list []ctap.Descriptor) ([]*credential, error) {
	var found []*credential
	for _, d := range list {
		if d.Type != ctap.TypePublicKey {
			continue
		}
		c, err := r.credential(ctx, d.ID)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case constantTimeEqual(c.RPIDHash, rpIDHash):
			found = append(found, c)
		}
	}
	return found, nil
}

// discoverable returns a site's discoverable credentials, newest first.
func (r *recent) discoverable(ctx context.Context, rpIDHash []byte) ([]*credential, error) {
	key := [32]byte(rpIDHash)
	if found, ok := r.bySite[key]; ok {
		return slices.Clone(found), nil
	}
	var found []*credential
	err := r.View(ctx, func(tx keystore.Tx) error {
		return tx.Scan(rpList(rpIDHash), nil, func(rec keystore.Record) error {
			c := &credential{ID: rec.ID}
			found = append(found, c)
			return decode(rec, c)
		})
	})
	if err == nil && r.room(1+len(found)) {
		r.bySite[key] = slices.Clone(found)
	}
	return found, err
}
