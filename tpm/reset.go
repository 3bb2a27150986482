package tpm

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

var errDestroyed = fmt.Errorf("destroyed by a reset: %w", fs.ErrNotExist)

// Reset implements keystore.Root. Its first command that changes the chip
// overwrites the device secret, without which nothing opens that was made
// before. A new gate takes the owner's authorization: where the owner password
// is missing nothing is destroyed, ErrOwnerPassword.
func (r *Root) Reset(ctx context.Context) error {
	err := r.chip.run(ctx, func(t transport.TPM) error {
		if err := r.parent.check(t); err != nil {
			return err
		}
		if r.rec.Stage == ready {
			if err := r.checkOwner(t); err != nil {
				return err
			}
		}
		return r.reset(t)
	})
	if err != nil {
		return fmt.Errorf("reset TPM root: %w", err)
	}
	return nil
}

// reset resets, or goes on with a reset that was cut short after it had
// overwritten the device secret. Each time it overwrites it anew: so of the
// files written on the way only the last is of use with the gate that is made.
//
//	ready --file--> resetting --device secret--> all dead --indices, file--> ready
//	start: the device secret is the old one: it did not happen
//	       it is the new one, the gate is there: it is done; else: once more
func (r *Root) reset(t transport.TPM) error {
	if r.rec.Stage == resetting {
		if err := r.undefineGates(t); err != nil {
			return err
		}
	}
	secret, device := newGateSecret(), newGateSecret()
	defer secret.Wipe()
	defer device.Wipe()
	intent, err := r.intend(t, secret, device)
	if err != nil {
		return err
	}
	if err := intent.write(r.path, r.installation); err != nil {
		return err
	}
	err = r.overwrite(t, device)
	if lost(err) {
		return err // the file tells the next start how to find out
	}
	if err != nil {
		return errors.Join(err, r.rec.write(r.path, r.installation))
	}
	*r.device, r.rec = *device, intent
	r.renew()
	old, err := intent.Old.indices(intent.FreeRead)
	if err != nil {
		return err
	}
	if err := undefine(t, r.parent, r.opts.OwnerPassword, old); err != nil {
		return err
	}
	if err := r.setup(t).makeGate(intent, device, secret); err != nil {
		return fmt.Errorf("make the gate: %w", err)
	}
	return r.finish()
}

// setup makes things for the root.
func (r *Root) setup(t transport.TPM) setup { return setup{t, r.parent, r.opts.OwnerPassword} }

// undefineGates removes what a reset that was cut short has left.
func (r *Root) undefineGates(t transport.TPM) error {
	for _, g := range []*gateRecord{&r.rec.Old, &r.rec.Gate} {
		left, err := g.indices(r.rec.FreeRead)
		if err != nil {
			return err
		}
		if err := undefine(t, r.parent, r.opts.OwnerPassword, left); err != nil {
			return err
		}
	}
	return nil
}

// intend writes down what a reset is about to do.
func (r *Root) intend(t transport.TPM, secret, device *keystore.Secret) (*record, error) {
	intent := *r.rec
	intent.Again = r.rec.Stage == resetting
	intent.Stage = resetting
	intent.Old, intent.Gate = r.rec.Gate, gateRecord{}
	if intent.Again {
		intent.Old = gateRecord{}
	}
	intent.OldDevice, intent.DeviceCheck = check(r.device), check(device)
	var err error
	for _, h := range []*tpm2.TPMHandle{&intent.Gate.Tries, &intent.Gate.Secret} {
		if *h, err = freeIndex(t); err != nil {
			return nil, err
		}
	}
	return &intent, intent.Gate.belongTo(secret)
}

// overwrite puts another device secret in the place of the one in the chip.
func (r *Root) overwrite(t transport.TPM, device *keystore.Secret) error {
	err := writeDevice(t, r.parent, deviceIndex(r.rec.Device).written(), r.rec.Auth, device)
	if !lost(err) {
		return err
	}
	// It may have been written: what is in the chip tells.
	now, readErr := readDevice(t, r.parent, r.rec)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	defer now.Wipe()
	if *now != *device {
		return errors.New("the TPM was cut off before it had the new device secret")
	}
	return nil
}

// finish tells the file that the reset is done.
func (r *Root) finish() error {
	done := *r.rec
	done.Stage, done.Old, done.OldDevice, done.Again = ready, gateRecord{}, nil, false
	if err := done.write(r.path, r.installation); err != nil {
		return err
	}
	r.rec = &done
	r.endFirst()
	return r.gate.use(&r.rec.Gate, r.rec.FreeRead)
}

// resume deals with a reset that was cut short, at start.
func (r *Root) resume(t transport.TPM) error {
	if hmac.Equal(check(r.device), r.rec.OldDevice) && !r.rec.Again {
		r.rec.DeviceCheck, r.rec.Gate = r.rec.OldDevice, r.rec.Old
		return r.finish()
	}
	made, err := r.made(t)
	if err != nil {
		return err
	}
	if made {
		return r.finish()
	}
	return r.reset(t)
}

// renew kills what was opened before the reset, and goes on with the new device
// secret and gate.
func (r *Root) renew() {
	if r.rings == nil {
		return // at start
	}
	r.rings.Renew(r.state())
	r.kill(keystore.Ungated, errDestroyed)
	r.kill(keystore.Gated, keystore.ErrGateShut)
}

// checkOwner tells whether the owner password is right: ErrOwnerPassword.
func (r *Root) checkOwner(t transport.TPM) error {
	tries := r.gate.policies.tries.written()
	_, err := tpm2.NVRead{AuthHandle: r.parent.owner(r.opts.OwnerPassword), NVIndex: tries.named(), Size: 8}.Execute(t)
	switch {
	case err == nil:
		return nil
	case is(err, tpm2.TPMRCHandle):
		return nil // the index is gone already
	case errors.Is(ownerError(err), ErrOwnerPassword):
		// An index that was replaced refuses as well.
		if tries.check(t) != nil {
			return nil
		}
	}
	return ownerError(err)
}

// made tells whether the new gate's last index is there and written.
func (r *Root) made(t transport.TPM) (bool, error) {
	pol, err := newPolicies(&r.rec.Gate, r.rec.FreeRead)
	if err != nil {
		return false, err
	}
	there, err := readIndex(t, pol.secret.handle())
	if err != nil || there == nil {
		return false, err
	}
	return there.is(pol.secret.written()) || there.is(pol.secret.written().locked()), nil
}
