package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A Move says where a device moves to.
type Move struct {
	// Root and Vault are new: nothing was done with them yet.
	Root  keystore.Root
	Vault keystore.Vault
	// LeaveBehind goes on where keys are in a chip, without their passkeys.
	LeaveBehind bool
	// Progress is told how many passkeys are done, of how many; nil: nobody is.
	Progress func(done, total int)
}

// moveBatch is how many passkeys go into the new vault at once.
const moveBatch = 128

// Move makes the same device of another root and vault: its passkeys with their
// IDs, its PIN, its settings and counters, which go on above what they were. The
// device itself stays as it is, and answers no command meanwhile; afterwards the
// caller destroys it, or the other one where Move failed. Two of them must not
// go on: their counters would tell.
//
// ctap.ErrPINNotSet where there is no PIN, since some secrets can only be read
// behind the gate; keystore.ErrInChip where keys cannot leave a chip.
func (o *Owner) Move(ctx context.Context, m Move) error {
	a := o.a
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	if !a.pinSet {
		return ctap.ErrPINNotSet
	}
	if m.Progress == nil {
		m.Progress = func(int, int) {}
	}
	if err := a.flushLastUse(ctx); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	gate := m.Root.Gate()
	if err := gate.SetPIN(ctx, o.pinHash[:]); err != nil {
		return fmt.Errorf("move: set the PIN: %w", err)
	}
	if err := gate.Open(ctx, o.pinHash[:]); err != nil {
		return fmt.Errorf("move: open the PIN gate: %w", err)
	}
	defer gate.Shut()
	if err := a.moveTo(ctx, &m); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	return nil
}

func (a *Authenticator) moveTo(ctx context.Context, m *Move) error {
	// The state moves but for what is counted anew. The run rises, so that
	// counters do.
	next := a.state
	next.Run++
	next.RunBase = 0 // the other root counts from elsewhere
	next.Discoverable, next.RPs, next.Credentials = 0, 0, 1
	next.PINIntent, next.ResetIntent = nil, false
	var err error
	if next.Issuer, err = a.moveIssuer(ctx, m.Root); err != nil {
		return err
	}
	ids, err := a.allIDs(ctx)
	if err != nil {
		return fmt.Errorf("list passkeys: %w", err)
	}
	for done := 0; done < len(ids); {
		m.Progress(done, len(ids))
		batch := ids[done:min(done+moveBatch, len(ids))]
		if err := a.moveBatch(ctx, m, &next, batch); err != nil {
			return err
		}
		done += len(batch)
	}
	if err := a.moveState(ctx, m.Vault, &next); err != nil {
		return err
	}
	m.Progress(len(ids), len(ids))
	return nil
}

// moveIssuer takes the installation's attestation root along; nil where there is
// none, or where it cannot leave a chip: then another is made when it is wanted.
func (a *Authenticator) moveIssuer(ctx context.Context, to keystore.Root) (*issuer, error) {
	exporter, out := a.root.(keystore.Exporter)
	importer, in := to.(keystore.Importer)
	if a.state.Issuer == nil || !out || !in {
		return nil, nil
	}
	alg, private, err := exporter.ExportKey(ctx, a.state.Issuer.Handle, issuerBinding)
	if errors.Is(err, keystore.ErrInChip) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("attestation root: %w", err)
	}
	defer clear(private)
	handle, err := importer.ImportKey(ctx, alg, private, issuerBinding, keystore.Installation)
	if err != nil {
		return nil, fmt.Errorf("attestation root: %w", err)
	}
	return &issuer{Handle: handle, Certificate: a.state.Issuer.Certificate}, nil
}

// moveBatch moves some credentials, and counts them in the state.
func (a *Authenticator) moveBatch(ctx context.Context, m *Move, s *state, ids [][]byte) error {
	var passkeys []*portable
	var adopted []*credential
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := a.find(ctx, id)
		if err != nil {
			return fmt.Errorf("read passkey %x: %w", id[:4], err)
		}
		p, err := a.export(ctx, c)
		if errors.Is(err, keystore.ErrInChip) && m.LeaveBehind {
			continue
		}
		if err != nil {
			return err
		}
		defer p.wipe()
		if c, err = adopt(ctx, m.Root, p); err != nil {
			return err
		}
		passkeys, adopted = append(passkeys, p), append(adopted, c)
	}
	return m.Vault.Update(ctx, func(tx keystore.Tx) error {
		for i, c := range adopted {
			if err := passkeys[i].place(tx, s, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveState writes what is not a credential: the state, and the large-blob array.
func (a *Authenticator) moveState(ctx context.Context, to keystore.Vault, s *state) error {
	var blobs keystore.Record
	err := a.vault.View(ctx, func(tx keystore.Tx) (err error) {
		blobs, err = tx.Get(largeBlobsID)
		return err
	})
	none := errors.Is(err, fs.ErrNotExist)
	if err != nil && !none {
		return fmt.Errorf("read large blobs: %w", err)
	}
	return to.Update(ctx, func(tx keystore.Tx) error {
		if !none {
			if err := tx.Put(blobs); err != nil {
				return err
			}
		}
		return put(tx, stateID, s)
	})
}
