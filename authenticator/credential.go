package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// credential is one public key credential source (WebAuthn §4). Every
// credential is a record under a random ID, discoverable or not, of U2F too.
type credential struct {
	ID []byte `cbor:"-"` // the record's

	RPID        string `cbor:"1,keyasint,omitempty"` // empty: made over U2F
	RPIDHash    []byte `cbor:"2,keyasint"`
	RPName      string `cbor:"3,keyasint,omitempty"`
	UserID      []byte `cbor:"4,keyasint,omitempty"`
	UserName    string `cbor:"5,keyasint,omitempty"`
	DisplayName string `cbor:"6,keyasint,omitempty"`

	Alg          ctap.Algorithm  `cbor:"7,keyasint"`
	PublicKey    ctap.RawMessage `cbor:"8,keyasint"` // a COSE_Key
	Handle       []byte          `cbor:"9,keyasint"` // the root's
	Discoverable bool            `cbor:"10,keyasint"`
	CredProtect  uint64          `cbor:"11,keyasint"`
	// CounterStart is what the signature counter begins above: see counter.
	CounterStart uint32 `cbor:"12,keyasint"`

	CredBlob          []byte `cbor:"13,keyasint,omitempty"`
	LargeBlobKey      []byte `cbor:"14,keyasint,omitempty"`
	ThirdPartyPayment bool   `cbor:"15,keyasint,omitempty"`

	Created  int64 `cbor:"16,keyasint,omitempty"` // Unix seconds
	LastUsed int64 `cbor:"17,keyasint,omitempty"` // Unix seconds; see lastUse

	// Sealed CredRandoms of a passkey that came from another root: they win
	// over derived ones. See credRandom.
	WithoutUV []byte `cbor:"18,keyasint,omitempty"`
	WithUV    []byte `cbor:"19,keyasint,omitempty"`
}

// credentialIDLength is the length of the IDs that the device makes, in bytes.
const credentialIDLength = 32

// Lists that records are found on.
const (
	listAll  = "all"  // every credential
	listRP   = "rp"   // the discoverable ones of an rpIdHash
	listUser = "user" // the discoverable one of an rpIdHash and a user ID
	listRPs  = "rps"  // the sites that have discoverable ones
)

func (c *credential) lists() []keystore.Index {
	on := []keystore.Index{{Kind: listAll}}
	if c.Discoverable {
		on = append(on, rpList(c.RPIDHash), userList(c.RPIDHash, c.UserID))
	}
	return on
}

func rpList(rpIDHash []byte) keystore.Index { return keystore.Index{Kind: listRP, Value: rpIDHash} }

func userList(rpIDHash, userID []byte) keystore.Index {
	value := append(append([]byte{}, rpIDHash...), userID...)
	return keystore.Index{Kind: listUser, Value: value}
}

// binding ties the key to the site and to this one credential. The latter also
// makes a seeded device's keys independent of the order of registrations.
func (c *credential) binding() []byte { return slices.Concat(c.RPIDHash, c.ID) }

// protection is that of the key: whoever demands verification gets it from the
// root, too.
func (c *credential) protection() keystore.Protection {
	if c.CredProtect == ctap.CredProtectRequired {
		return keystore.Gated
	}
	return keystore.Ungated
}

func (c *credential) descriptor() *ctap.Descriptor {
	return &ctap.Descriptor{ID: c.ID, Type: ctap.TypePublicKey}
}

func (c *credential) account() Account {
	return Account{ID: c.UserID, Name: c.UserName, DisplayName: c.DisplayName}
}

// site is a relying party that has discoverable credentials.
type site struct {
	RPID  string `cbor:"1,keyasint"`
	Name  string `cbor:"2,keyasint,omitempty"`
	Hash  []byte `cbor:"3,keyasint"`
	Count uint64 `cbor:"4,keyasint"`
}

func siteID(rpIDHash []byte) []byte { return append([]byte("rp:"), rpIDHash...) }

// largeBlobID names the record that holds a credential's largeBlob.
func largeBlobID(credentialID []byte) []byte { return append([]byte("blob:"), credentialID...) }

// find reads a credential: fs.ErrNotExist where there is none of this ID.
func find(tx keystore.Tx, id []byte) (*credential, error) {
	// Everything but a credential has an ID of another length, which no
	// client can name.
	if len(id) != credentialIDLength {
		return nil, fs.ErrNotExist
	}
	c := new(credential)
	if err := get(tx, id, c); err != nil {
		return nil, err
	}
	c.ID = id
	return c, nil
}

// find reads a credential: fs.ErrNotExist where there is none of this ID.
func (a *Authenticator) find(ctx context.Context, id []byte) (c *credential, err error) {
	err = a.vault.View(ctx, func(tx keystore.Tx) error {
		c, err = find(tx, id)
		return err
	})
	return c, err
}

// newID draws a credential's ID. A seeded device that was started again would draw
// those of its first run again: what is taken is drawn past.
func (a *Authenticator) newID(ctx context.Context, parts ...[]byte) ([]byte, error) {
	for {
		id := a.random.bytes(credentialIDLength, "credential ID", parts...)
		if a.random.seed == nil {
			return id, nil
		}
		_, err := a.find(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			return id, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look up a new credential's ID: %w", err)
		}
	}
}

// add stores a new credential, and with it what its site's record and the
// device's state say of it. A discoverable one replaces the one of the same
// site and user.
func (a *Authenticator) add(ctx context.Context, c *credential) error {
	c.Created = a.now().Unix()
	return a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		if !c.Discoverable {
			return insert(tx, s, c)
		}
		old, err := onList(tx, userList(c.RPIDHash, c.UserID))
		if err != nil {
			return err
		}
		if old != nil {
			if err := a.remove(tx, s, old); err != nil {
				return err
			}
		}
		if s.Discoverable >= uint64(a.profile.MaxDiscoverable) {
			return ctap.ErrKeyStoreFull
		}
		s.CredStoreState = a.random.bytes16("credential store state")
		return insert(tx, s, c)
	})
}

// insert puts a credential that is not there yet, and counts it at its site.
func insert(tx keystore.Tx, s *state, c *credential) error {
	if c.Discoverable {
		rp := site{RPID: c.RPID, Hash: c.RPIDHash}
		switch err := get(tx, siteID(c.RPIDHash), &rp); {
		case errors.Is(err, fs.ErrNotExist):
			s.RPs++
		case err != nil:
			return err
		}
		rp.Name = c.RPName
		rp.Count++
		if err := put(tx, siteID(c.RPIDHash), rp, keystore.Index{Kind: listRPs}); err != nil {
			return err
		}
		s.Discoverable++
	}
	if s.Credentials > 0 {
		s.Credentials++
	}
	return put(tx, c.ID, c, c.lists()...)
}

// onList reads the newest credential of a list; nil where there is none.
func onList(tx keystore.Tx, list keystore.Index) (*credential, error) {
	var c *credential
	err := tx.Scan(list, nil, func(r keystore.Record) error {
		c = &credential{ID: r.ID}
		if err := decode(r, c); err != nil {
			return err
		}
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return c, err
}

var errStop = errors.New("stop")

// remove deletes a credential and whatever was stored with it.
func (a *Authenticator) remove(tx keystore.Tx, s *state, c *credential) error {
	a.removals++
	if err := tx.Delete(c.ID); err != nil {
		return err
	}
	if s.Credentials > 1 {
		s.Credentials--
	}
	if err := tx.Delete(largeBlobID(c.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !c.Discoverable {
		return nil
	}
	var rp site
	if err := get(tx, siteID(c.RPIDHash), &rp); err != nil {
		return fmt.Errorf("site of credential: %w", err)
	}
	s.Discoverable--
	rp.Count--
	if rp.Count > 0 {
		return put(tx, siteID(c.RPIDHash), rp, keystore.Index{Kind: listRPs})
	}
	s.RPs--
	return tx.Delete(siteID(c.RPIDHash))
}

// openKey opens a credential's key for one signature. A gate that has been shut
// meanwhile is a refusal.
func (a *Authenticator) openKey(ctx context.Context, c *credential) (keystore.Key, error) {
	key, err := a.root.Open(ctx, c.Handle, c.binding())
	switch {
	case errors.Is(err, keystore.ErrGateShut):
		return nil, fmt.Errorf("%w: %w", ctap.ErrOperationDenied, err)
	case err != nil:
		return nil, fmt.Errorf("open key of credential %x: %w", c.ID[:4], err)
	}
	return key, nil
}
