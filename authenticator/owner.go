package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
)

// A Passkey is what the device tells its owner of one credential.
type Passkey struct {
	ID []byte // 32 bytes
	// RPID is the site; empty where the credential was made over U2F and only
	// RPIDHash is known.
	RPID, RPName string
	RPIDHash     [32]byte
	Account      Account
	Algorithm    ctap.Algorithm
	// InChip tells that the private key never leaves a chip.
	InChip       bool
	PublicKey    []byte // a COSE_Key
	Discoverable bool
	CredProtect  uint64 // 1 to 3
	// Copyable tells that the passkey may be copied to another device.
	Copyable bool
	// Created and LastUsed are zero where they are not known. LastUsed may lag
	// behind by a minute after a crash.
	Created, LastUsed time.Time
	// Restriction is the rule that keeps the passkey from being used, if any.
	Restriction Restriction
}

// Owner acts for the device's owner, beside CTAP, for as long as the AsOwner
// call that made it lasts, and until another sets or changes the PIN or resets
// the device: from then on its methods return ctap.ErrPUATRequired. They are safe
// for concurrent use.
type Owner struct {
	a       *Authenticator
	pinHash [16]byte // of the PIN that was proven; zero where none is set
	pins    uint64   // the device's, when it was
}

// proven tells whether what was proven still makes an owner. The caller holds the
// turn.
func (o *Owner) proven() error {
	if o.pins != o.a.pins {
		return ctap.ErrPUATRequired
	}
	return nil
}

// AsOwner proves the PIN and runs f with the gate open. A wrong PIN spends a try
// of the only counter there is and gives ctap.ErrPINInvalid,
// ctap.ErrPINAuthBlocked or ctap.ErrPINBlocked; an empty one spends none and gives
// ctap.ErrPUATRequired. Where no PIN is set, pin is ignored: then whoever reaches
// the device is its owner.
func (a *Authenticator) AsOwner(ctx context.Context, pin []byte, f func(*Owner) error) error {
	a.turn.Lock()
	if a.closed {
		a.turn.Unlock()
		return fmt.Errorf("device is closed: %w", ctap.ErrNotAllowed)
	}
	o := &Owner{a: a, pins: a.pins}
	defer clear(o.pinHash[:]) // SetPIN fills it, too
	if a.pinSet && len(pin) == 0 {
		a.turn.Unlock()
		return ctap.ErrPUATRequired
	}
	if a.pinSet {
		o.pinHash = pinuv.HashPIN(pin)
		if err := a.tryPIN(ctx, o.pinHash[:]); err != nil {
			a.settleGate()
			a.turn.Unlock()
			return err
		}
		a.pin.uvCount = 0
	}
	a.verifying++
	a.turn.Unlock()
	defer func() {
		a.turn.Lock()
		defer a.turn.Unlock()
		a.verifying--
		a.settleGate()
	}()
	return f(o)
}

// Unlock proves the PIN, which gives all tries back. It is an act of the owner,
// and may stand for the restart that the device wants after three misses in a
// row: with rearm the PIN is judged in spite of them. That is good for this one
// try: a wrong PIN leaves the device as blocked as before, and every try of it
// stays spent. ctap.ErrPINNotSet where there is no PIN, and the errors of AsOwner.
func (a *Authenticator) Unlock(ctx context.Context, pin []byte, rearm bool) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.closed {
		return fmt.Errorf("device is closed: %w", ctap.ErrNotAllowed)
	}
	if a.pinSet && len(pin) == 0 {
		return ctap.ErrPUATRequired
	}
	defer a.settleGate()
	blocked := a.pin.latched()
	if rearm && blocked {
		a.pin.misses = ctap.MaxPINMismatches - 1
	}
	hash := pinuv.HashPIN(pin)
	defer clear(hash[:])
	if err := a.tryPIN(ctx, hash[:]); err != nil {
		if blocked { // also where the try could not be judged
			a.pin.misses = ctap.MaxPINMismatches
		}
		return err
	}
	a.pin.uvCount = 0
	return nil
}

// Passkeys calls f for each passkey, newest first. An error of f ends the list
// and is returned. f must not call other methods.
func (o *Owner) Passkeys(ctx context.Context, f func(Passkey) error) error {
	o.a.turn.Lock()
	defer o.a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	err := o.a.vault.View(ctx, func(tx keystore.Tx) error {
		return tx.Scan(keystore.Index{Kind: listAll}, nil, func(r keystore.Record) error {
			c := &credential{ID: r.ID}
			if err := decode(r, c); err != nil {
				return err
			}
			return f(o.a.passkey(c))
		})
	})
	if err != nil {
		return fmt.Errorf("list passkeys: %w", err)
	}
	return nil
}

// passkey tells what the owner may know of a credential.
func (a *Authenticator) passkey(c *credential) Passkey {
	return Passkey{
		ID: c.ID, RPID: c.RPID, RPName: c.RPName, RPIDHash: [32]byte(c.RPIDHash), Account: c.account(),
		Algorithm: c.Alg, PublicKey: c.PublicKey, Discoverable: c.Discoverable, CredProtect: c.CredProtect,
		InChip: a.keyInChip(c), Copyable: a.state.Copyable,
		Created: timeOf(c.Created), LastUsed: timeOf(max(c.LastUsed, a.lastUse.at(c.ID))),
		Restriction: a.restriction(c),
	}
}

func timeOf(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// Rename changes the names by which a passkey's account is known to people:
// fs.ErrNotExist where there is no such passkey, ctap.ErrLimitExceeded where a
// name has more than 64 KiB.
func (o *Owner) Rename(ctx context.Context, id []byte, name, displayName string) error {
	if len(name) > maxText || len(displayName) > maxText {
		return ctap.ErrLimitExceeded
	}
	return o.edit(ctx, id, "rename passkey", func(tx keystore.Tx, s *state, c *credential) error {
		c.UserName, c.DisplayName = name, displayName
		return put(tx, c.ID, c, c.lists()...)
	})
}

// Delete removes a passkey for ever: fs.ErrNotExist where there is none.
func (o *Owner) Delete(ctx context.Context, id []byte) error {
	return o.edit(ctx, id, "delete passkey", o.a.remove)
}

func (o *Owner) edit(ctx context.Context, id []byte, what string, f func(keystore.Tx, *state, *credential) error) error {
	a := o.a
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	err := a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		c, err := find(tx, id)
		if err != nil {
			return err
		}
		if c.Discoverable {
			s.CredStoreState = a.random.bytes16("credential store state")
		}
		return f(tx, s, c)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// PINState tells whether a PIN is set, by the gate or by what the device remembers,
// how many tries are left, and whether three misses in a row have blocked it until
// a restart.
func (a *Authenticator) PINState(ctx context.Context) (state keystore.GateState, blocked bool, err error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	state, err = a.gate.State(ctx)
	state.Set = state.Set || err == nil && a.pinSet
	return state, a.pin.latched(), err
}

// MinPINLength is the shortest PIN that may be set, in code points.
func (a *Authenticator) MinPINLength() int {
	a.turn.Lock()
	defer a.turn.Unlock()
	return int(a.state.MinPINLength)
}

// PINMustChange tells that the PIN serves for nothing but to be changed: it was set
// before a stricter rule, or somebody has asked for another.
func (a *Authenticator) PINMustChange() bool {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.pinSet && a.state.ForcePINChange
}

// SetPIN sets the first PIN, or, within AsOwner, another. The device's rules
// apply: ctap.ErrPINPolicyViolation.
func (o *Owner) SetPIN(ctx context.Context, pin []byte) error {
	a := o.a
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := o.proven(); err != nil {
		return err
	}
	next, err := a.judgeNewPIN(pin)
	if err != nil {
		return err
	}
	defer next.wipe()
	if a.state.ForcePINChange && constantTimeEqual(o.pinHash[:], next.hash[:]) {
		return ctap.ErrPINPolicyViolation
	}
	if err := a.storePIN(ctx, next); err != nil {
		return err
	}
	o.pinHash, o.pins = next.hash, a.pins
	return nil
}

// Reset is Erase once the person has agreed to it, asked as for a client's reset
// but at any time (§6.6). s tells who asks. ctap.ErrOperationDenied,
// ctap.ErrUserActionTimeout, or ctap.ErrKeepaliveCancel where ctx ends.
func (a *Authenticator) Reset(ctx context.Context, s *ctap.Session) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.closed {
		return fmt.Errorf("device is closed: %w", ctap.ErrNotAllowed)
	}
	return a.askToErase(ctx, s)
}

// Erase resets the device: every passkey and the PIN are gone for ever (§6.6).
// It asks nobody; the caller has.
func (a *Authenticator) Erase(ctx context.Context) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.erase(ctx)
}

// lastUse remembers when credentials were used, until it is written down: each
// minute, and at the device's end. It is the only thing that a crash may forget.
type lastUse struct {
	times map[[credentialIDLength]byte]int64 // Unix seconds
	timer *time.Timer                        // runs while there is something to write
}

func (l *lastUse) at(id []byte) int64 { return l.times[[credentialIDLength]byte(id)] }

const (
	lastUseDelay = time.Minute
	lastUseBound = 1 << 16
)

// used notes a use of c.
func (a *Authenticator) used(c *credential) {
	if a.lastUse.times == nil {
		a.lastUse.times = map[[credentialIDLength]byte]int64{}
		a.lastUse.timer = time.AfterFunc(lastUseDelay, a.writeLastUse)
	}
	if len(a.lastUse.times) < lastUseBound {
		a.lastUse.times[[credentialIDLength]byte(c.ID)] = a.now().Unix()
	}
}

// writeLastUse writes down what used has noted.
func (a *Authenticator) writeLastUse() {
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.flushLastUse(context.Background()); err != nil {
		a.log.Error("the passkeys' last use could not be written", "error", err)
	}
}

func (a *Authenticator) flushLastUse(ctx context.Context) error {
	times := a.lastUse.times
	if len(times) == 0 || a.closed {
		return nil
	}
	a.lastUse.timer.Stop()
	a.lastUse = lastUse{}
	return a.vault.Update(context.WithoutCancel(ctx), func(tx keystore.Tx) error {
		for id, seconds := range times {
			c, err := find(tx, id[:])
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			c.LastUsed = seconds
			if err := put(tx, c.ID, c, c.lists()...); err != nil {
				return err
			}
		}
		return nil
	})
}
