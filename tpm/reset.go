package tpm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

var errDestroyed = fmt.Errorf("destroyed by a reset: %w", fs.ErrNotExist)

// Reset implements keystore.Root. Its first command to the chip overwrites the
// device secret, without which nothing opens that was made before. A new gate
// takes the owner's authorization: where the owner password is missing nothing
// is destroyed, ErrOwnerPassword.
func (r *Root) Reset(ctx context.Context) error {
	err := r.chip.run(ctx, func(t transport.TPM) error {
		if r.rec.Stage == resetting {
			return r.finishReset(t)
		}
		return r.reset(t)
	})
	if err != nil {
		return fmt.Errorf("reset TPM root: %w", err)
	}
	return nil
}

func (r *Root) reset(t transport.TPM) error {
	if err := r.parent.check(t); err != nil {
		return err
	}
	if err := r.checkOwner(t); err != nil {
		return err
	}
	var device keystore.Secret
	defer device.Wipe()
	rand.Read(device[:])
	intent := *r.rec
	intent.Stage = resetting
	intent.Old, intent.Gate = r.rec.Gate, gateRecord{}
	intent.OldDevice, intent.DeviceCheck = r.rec.DeviceCheck, check(&device)
	if err := intent.write(r.path, &r.installation); err != nil {
		return err
	}
	if err := writeDevice(t, r.parent, deviceIndex(r.rec.Device).written(), r.rec.Auth, &device); err != nil {
		if !lost(err) {
			return errors.Join(err, r.rec.write(r.path, &r.installation))
		}
		// It may have been written: what is in the chip tells.
		if readErr := r.readDevice(t); readErr != nil {
			return errors.Join(err, readErr)
		}
		if r.device != device {
			return errors.Join(err, r.rec.write(r.path, &r.installation))
		}
	}
	r.device, r.rec = device, &intent
	return r.finishReset(t)
}

// finishReset goes on from where the device secret has been overwritten: it
// removes the gate of before, and makes a new one. Cut short anywhere, it can
// begin again.
func (r *Root) finishReset(t transport.TPM) error {
	made, err := r.madeAlready(t)
	if err != nil {
		return err
	}
	if !made {
		secret := newGateSecret()
		defer secret.Wipe()
		public, err := software.GatePublic(secret)
		if err != nil {
			return err
		}
		r.renew(public)
		if err := r.newGate(t, secret); err != nil {
			return err
		}
	}
	r.rec.Stage, r.rec.Old, r.rec.OldDevice = ready, gateRecord{}, nil
	if err := r.rec.write(r.path, &r.installation); err != nil {
		return err
	}
	r.endFirst()
	return r.gate.use(&r.rec.Gate, r.rec.FreeRead)
}

// renew kills what was opened before the reset, and goes on with the new device
// secret and gate.
func (r *Root) renew(gatePublic [32]byte) {
	if r.rings == nil {
		return // at start
	}
	r.rings.Renew(software.ElsewhereState(&r.installation, &r.device, gatePublic))
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

// madeAlready tells whether the new gate's last index is there and written: so
// nothing is left to do, and a copy of the file from amid a reset harms nothing.
func (r *Root) madeAlready(t transport.TPM) (bool, error) {
	if r.rec.Gate.empty() {
		return false, nil
	}
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

// newGate replaces the gates of the record by a new one.
func (r *Root) newGate(t transport.TPM, secret *keystore.Secret) error {
	for _, g := range []*gateRecord{&r.rec.Old, &r.rec.Gate} {
		if g.empty() {
			continue
		}
		pol, err := newPolicies(g, r.rec.FreeRead)
		if err != nil {
			return err
		}
		for _, x := range []index{pol.secret, pol.tries} {
			if err := x.undefine(t, r.parent, r.opts.OwnerPassword); err != nil {
				return fmt.Errorf("remove index %#x: %w", uint32(x.handle()), err)
			}
		}
	}
	var err error
	for _, h := range []*tpm2.TPMHandle{&r.rec.Gate.Tries, &r.rec.Gate.Secret} {
		if *h, err = freeIndex(t); err != nil {
			return err
		}
	}
	return makeGate(t, r.path, r.parent, r.rec, r.opts.OwnerPassword, &r.installation, &r.device, secret)
}
