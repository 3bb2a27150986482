package tpm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Destroy removes a root: its indices from the TPM, then its file. Without the
// owner password, where one is set, it destroys the secrets all the same, but
// leaves the indices and the file, ErrOwnerPassword. In another TPM there is
// nothing to remove: ErrOtherTPM.
func Destroy(ctx context.Context, path string, open Opener, opts Options) error {
	if err := alone(ctx, path, open, func(t transport.TPM) error {
		return destroy(t, path, opts.OwnerPassword)
	}); err != nil {
		return fmt.Errorf("destroy TPM root %s: %w", path, err)
	}
	os.Remove(path + ".lock")
	return nil
}

// Kept lists the indices that the root of a file has in its TPM, whichever that is
// and where: fs.ErrNotExist, keystore.ErrCorrupt.
func Kept(path string) ([]Index, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read TPM root file %s: %w", path, err)
	}
	r, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read TPM root file %s: %w", path, err)
	}
	return []Index{
		{Handle: uint32(r.Device), Purpose: PurposeDevice, Mine: true},
		{Handle: uint32(r.Gate.Tries), Purpose: PurposeTries, Mine: true},
		{Handle: uint32(r.Gate.Secret), Purpose: PurposeSecret, Mine: true},
		{Handle: uint32(r.Counter), Purpose: PurposeCounter, Mine: true},
	}, nil
}

func destroy(t transport.TPM, path string, password []byte) error {
	data, err := read(path)
	if err != nil {
		return err
	}
	rec, err := parse(data)
	if err != nil {
		return err
	}
	p, err := rec.parent()
	if err != nil {
		return err
	}
	if err := p.check(t); err != nil {
		return err
	}
	if err := rec.authentic(t, p, data); err != nil {
		return err
	}
	if err := rec.undefine(t, p, password); err != nil {
		if errors.Is(err, ErrOwnerPassword) {
			err = errors.Join(err, rec.shred(t, p))
		}
		return err
	}
	if err := os.Remove(path + hintSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(path)
}

// authentic tells whether the data that the record was read from is ours:
// keystore.ErrCorrupt. While a set-up is not finished there is nothing to tell by.
func (r *record) authentic(t transport.TPM, p *parent, data []byte) error {
	if r.Stage == settingUp {
		return nil
	}
	b, err := p.unseal(t, r.InstallationPublic, r.InstallationPrivate, r.Auth)
	if err != nil {
		return fmt.Errorf("unseal the installation's secret: %w", err)
	}
	defer clear(b)
	secret := keystore.Secret(b)
	defer secret.Wipe()
	return verify(data, &secret)
}

// shred makes the secrets unusable without the owner: it overwrites the device
// secret and spends all tries.
func (r *record) shred(t transport.TPM, p *parent) error {
	var noise keystore.Secret
	rand.Read(noise[:])
	err := writeDevice(t, p, deviceIndex(r.Device).written(), r.Auth, &noise)
	if r.Gate.empty() {
		return err
	}
	pol, polErr := newPolicies(&r.Gate, r.FreeRead)
	if polErr != nil {
		return errors.Join(err, polErr)
	}
	for range ctap.MaxPINRetries + 1 {
		tryErr := p.satisfy(t, pol.proving(p, randomAuth()))
		if errors.Is(tryErr, keystore.ErrPINBlocked) {
			return err
		}
		if !errors.Is(tryErr, keystore.ErrWrongPIN) {
			return errors.Join(err, tryErr)
		}
	}
	return errors.Join(err, errors.New("the TPM counts no tries"))
}
