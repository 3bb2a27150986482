package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// ErrDeviceBound tells that passkeys were asked to leave, or to enter, a device
// whose passkeys may not be copied.
var ErrDeviceBound = errors.New("the passkeys are bound to this device, and sites were told so")

// Export calls f for each passkey, oldest first, with a record that is all of it:
// private key, hmac-secret keys and large blob. Whoever has the record can use
// the passkey; it is valid, and wiped, until f returns. total is how many there
// are. Passkeys that go meanwhile are left out. f must not call other methods.
//
// ErrDeviceBound where passkeys may not be copied; ctap.ErrPINNotSet where there
// is no PIN, since some of it can only be read behind the gate; an error that is
// keystore.ErrInChip for a key that cannot leave a chip.
func (o *Owner) Export(ctx context.Context, f func(p Passkey, record []byte, total int) error) error {
	a := o.a
	if err := o.mayCopy(); err != nil {
		return err
	}
	ids, err := a.allIDs(ctx)
	if err != nil {
		return fmt.Errorf("list passkeys: %w", err)
	}
	for _, id := range ids {
		p, record, err := o.exportRecord(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = f(p, record, len(ids))
		clear(record)
		if err != nil {
			return err
		}
	}
	return nil
}

// mayCopy refuses what devices with bound passkeys, or without a PIN, do not do.
func (o *Owner) mayCopy() error {
	a := o.a
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	switch {
	case !a.state.Copyable:
		return ErrDeviceBound
	case !a.pinSet:
		return ctap.ErrPINNotSet
	}
	return nil
}

// exportRecord exports one credential: fs.ErrNotExist where it is gone.
func (o *Owner) exportRecord(ctx context.Context, id []byte) (Passkey, []byte, error) {
	o.a.turn.Lock()
	defer o.a.turn.Unlock()
	passkey, p, err := o.exportOne(ctx, id)
	if err != nil {
		return Passkey{}, nil, err
	}
	defer p.wipe()
	record, err := ctap.Marshal(p)
	return passkey, record, err
}

// exportOne is exportRecord before it is encoded. The caller holds the turn.
func (o *Owner) exportOne(ctx context.Context, id []byte) (Passkey, *portable, error) {
	a := o.a
	if err := o.proven(); err != nil {
		return Passkey{}, nil, err
	}
	c, err := a.find(ctx, id)
	if err != nil {
		return Passkey{}, nil, err
	}
	p, err := a.export(ctx, c)
	if err != nil {
		// What the root does not find is damage, not a passkey that is gone.
		return Passkey{}, nil, fmt.Errorf("%s at %s: %v: %w", c.UserName, c.RPID, err, damageOf(err))
	}
	return a.passkey(c), p, nil
}

// damageOf makes of a root's fs.ErrNotExist, for what the vault has, a
// keystore.ErrCorrupt.
func damageOf(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return keystore.ErrCorrupt
	}
	return err
}

// BackedUp notes that a copy of the passkeys exists elsewhere: from now on sites
// are told so (WebAuthn §6.1.3, flag BS).
func (o *Owner) BackedUp(ctx context.Context) error {
	o.a.turn.Lock()
	defer o.a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	if !o.a.state.Copyable {
		return ErrDeviceBound
	}
	if o.a.state.BackedUp {
		return nil
	}
	return o.a.change(ctx, func(s *state) { s.BackedUp = true })
}

// An Outcome is what became of a passkey that was to be imported.
type Outcome int

const (
	// Added: it is on the device now.
	Added Outcome = iota
	// Present: the device had it, and kept what it had.
	Present
	// Taken: the device has another passkey for the same account, which a site
	// could not tell from it, and kept that.
	Taken
)

// An Imported is a passkey and what became of it.
type Imported struct {
	Passkey
	Outcome Outcome
}

// CheckRecord tells whether a record that Export gave can be read:
// keystore.ErrNewerSchema, keystore.ErrCorrupt.
func CheckRecord(record []byte) error {
	p, err := parsePortable(record)
	if err != nil {
		return err
	}
	p.wipe()
	return nil
}

// Import adds passkeys from records that Export gave, all or none. Nothing that
// is there is replaced. The errors are those of Export and CheckRecord, and
// ctap.ErrKeyStoreFull.
func (o *Owner) Import(ctx context.Context, records [][]byte) ([]Imported, error) {
	a := o.a
	if err := o.mayCopy(); err != nil {
		return nil, err
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return nil, err
	}
	passkeys := make([]*portable, len(records))
	adopted := make([]*credential, len(records))
	for i, record := range records {
		p, err := parsePortable(record)
		if err != nil {
			return nil, err
		}
		defer p.wipe()
		passkeys[i] = p
		if adopted[i], err = adopt(ctx, a.root, p); err != nil {
			return nil, err
		}
	}
	var done []Imported
	err := a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		done = nil
		for i, c := range adopted {
			outcome, err := a.importOne(tx, s, passkeys[i], c)
			if err != nil {
				return err
			}
			done = append(done, Imported{a.passkey(c), outcome})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("import passkeys: %w", err)
	}
	return done, nil
}

func (a *Authenticator) importOne(tx keystore.Tx, s *state, p *portable, c *credential) (Outcome, error) {
	_, err := find(tx, c.ID)
	if err == nil {
		return Present, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if c.Discoverable {
		other, err := onList(tx, userList(c.RPIDHash, c.UserID))
		switch {
		case err != nil:
			return 0, err
		case other != nil:
			return Taken, nil
		case s.Discoverable >= uint64(a.profile.MaxDiscoverable):
			return 0, ctap.ErrKeyStoreFull
		}
		s.CredStoreState = a.random.bytes16("credential store state")
	}
	s.BackedUp = true
	return Added, p.place(tx, s, c)
}
