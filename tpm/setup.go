package tpm

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/software"
)

// Create sets a TPM up for a root and makes the root's file: fs.ErrExist where
// there is a root already. One that was cut short is cleaned up first. It takes
// the owner's authorization, and leaves in the TPM four NV indices and, if
// there was none, the storage key at 0x81000001.
func Create(ctx context.Context, path string, open Opener, opts Options) error {
	if err := alone(ctx, path, open, func(t transport.TPM) error {
		return create(t, path, opts.OwnerPassword)
	}); err != nil {
		return fmt.Errorf("create TPM root %s: %w", path, err)
	}
	return nil
}

// alone runs f on a chip while the root's file is locked.
func alone(ctx context.Context, path string, open Opener, f func(t transport.TPM) error) error {
	lock, err := file.Lock(path + ".lock")
	if err != nil {
		return err
	}
	c := newChip(open)
	err = c.run(ctx, f)
	c.close()
	return errors.Join(err, lock.Close())
}

func create(t transport.TPM, path string, password []byte) error {
	if err := abandon(t, path, password); err != nil {
		return err
	}
	// A folder that is not there is found out before the chip is changed.
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	p, err := findParent(t, password)
	if err != nil {
		return err
	}
	rec := &record{
		Stage: settingUp, Parent: p.handle, ParentPublic: tpm2.Marshal(*p.public), Auth: randomAuth(),
	}
	for _, h := range []*tpm2.TPMHandle{&rec.Device, &rec.Counter, &rec.Scratch, &rec.Gate.Tries, &rec.Gate.Secret} {
		if *h, err = freeIndex(t); err != nil {
			return err
		}
	}
	data, err := rec.encode(nil)
	if err != nil {
		return err
	}
	// From here on the file tells what has to be cleaned up.
	if err := file.WriteNew(path, data); err != nil {
		return err
	}
	err = setup{t, p, password}.make(path, rec)
	if err != nil && !lost(err) {
		if abandon(t, path, password) != nil {
			return errors.Join(err, ErrUnfinished)
		}
	}
	return err
}

// abandon removes what a set-up that was cut short has left: fs.ErrExist where
// a set-up was finished.
func abandon(t transport.TPM, path string, password []byte) error {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	rec, err := parse(data)
	if err != nil {
		return err
	}
	if rec.Stage != settingUp {
		return fs.ErrExist
	}
	p, err := rec.parent()
	if err != nil {
		return err
	}
	if err := rec.undefine(t, p, password); err != nil {
		return fmt.Errorf("clean up a set-up that was cut short: %w", err)
	}
	return os.Remove(path)
}

// undefine removes all indices of the record, the device secret's first. A record
// whose set-up is not finished is authenticated by nothing, and everyone can read
// where others' indices are: those that have the record's authorization value
// must prove it. Of a gate's, the policy is of a key that only its file names.
func (r *record) undefine(t transport.TPM, p *parent, password []byte) error {
	all := []index{}
	for _, x := range []index{deviceIndex(r.Device), counterIndex(r.Counter)} {
		ours, err := r.opens(t, p, x)
		if err != nil {
			return fmt.Errorf("prove index %#x: %w", uint32(x.handle()), err)
		}
		if ours {
			all = append(all, x)
		}
	}
	for _, g := range []*gateRecord{&r.Old, &r.Gate} {
		gate, err := g.indices(r.FreeRead)
		if err != nil {
			return err
		}
		all = append(all, gate...)
	}
	policy, err := policyDigest(tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVRead})
	if err != nil {
		return err
	}
	all = append(all, scratchIndex(r.Scratch, policy))
	return undefine(t, p, password, all)
}

// opens tells whether an index of the chip is like x and has the record's
// authorization value, or was never written: then there is nothing to lose.
func (r *record) opens(t transport.TPM, p *parent, x index) (bool, error) {
	there, err := readIndex(t, x.handle())
	if err != nil || there == nil || !there.like(x) {
		return false, err
	}
	if !there.public.Attributes.Written {
		return true, nil
	}
	if err := p.check(t); err != nil {
		return false, err
	}
	err = p.satisfy(t, func(t transport.TPM, h tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{AuthHandle: there.by(p.hmac(r.Auth)), PolicySession: h, NonceTPM: nonce}.Execute(t)
		return err
	})
	if is(err, tpm2.TPMRCBadAuth) || is(err, tpm2.TPMRCAuthFail) {
		return false, nil
	}
	return err == nil, err
}

// indices lists the indices of a gate; none where it was not made yet.
func (g *gateRecord) indices(freeRead bool) ([]index, error) {
	if g.empty() {
		return nil, nil
	}
	pol, err := newPolicies(g, freeRead)
	if err != nil {
		return nil, err
	}
	return []index{pol.secret, pol.tries}, nil
}

func undefine(t transport.TPM, p *parent, password []byte, all []index) error {
	for _, x := range all {
		if err := x.undefine(t, p, password); err != nil {
			return fmt.Errorf("remove index %#x: %w", uint32(x.handle()), err)
		}
	}
	return nil
}

func freeIndex(t transport.TPM) (tpm2.TPMHandle, error) {
	for {
		h := randomIndex()
		there, err := readIndex(t, h)
		if err != nil || there == nil {
			return h, err
		}
	}
}

// A setup makes things in a chip, with its owner's authorization.
type setup struct {
	transport.TPM
	parent   *parent
	password []byte
}

// make makes everything in the chip, and the finished file.
func (s setup) make(path string, rec *record) error {
	algs, err := supported(s)
	if err != nil {
		return err
	}
	for _, alg := range algs {
		rec.InChip = append(rec.InChip, int(alg))
	}
	if rec.FreeRead, err = s.selfTest(rec.Scratch); err != nil {
		return fmt.Errorf("try out how the TPM counts: %w", err)
	}
	var installation, device keystore.Secret
	defer installation.Wipe()
	defer device.Wipe()
	rand.Read(installation[:])
	rand.Read(device[:])
	rec.InstallationCheck, rec.DeviceCheck = check(&installation), check(&device)

	rec.InstallationPublic, rec.InstallationPrivate, err = s.parent.seal(s, installation[:], rec.Auth)
	if err != nil {
		return fmt.Errorf("seal the installation's secret: %w", err)
	}
	x := deviceIndex(rec.Device)
	if err := x.define(s, s.parent, s.password, rec.Auth); err != nil {
		return fmt.Errorf("define the device secret's index: %w", err)
	}
	if err := writeDevice(s, s.parent, x, rec.Auth, &device); err != nil {
		return err
	}
	if err := s.makeCounter(rec); err != nil {
		return fmt.Errorf("define the counter: %w", err)
	}
	if err := makeAttestation(s, s.parent, rec, &installation); err != nil {
		return fmt.Errorf("make the attestation key: %w", err)
	}
	secret := newGateSecret()
	defer secret.Wipe()
	if err := rec.Gate.belongTo(secret); err != nil {
		return err
	}
	if err := rec.write(path, &installation); err != nil {
		return err
	}
	if err := s.makeGate(rec, &device, secret); err != nil {
		return fmt.Errorf("make the gate: %w", err)
	}
	rec.Stage = ready
	return rec.write(path, &installation)
}

func newGateSecret() *keystore.Secret {
	s := new(keystore.Secret)
	rand.Read(s[:])
	return s
}

// belongTo writes down what is known of a gate secret.
func (g *gateRecord) belongTo(secret *keystore.Secret) error {
	k, err := authKey(secret)
	if err != nil {
		return err
	}
	public, err := software.GatePublic(secret)
	if err != nil {
		return err
	}
	g.Public, g.Check = public[:], check(secret)
	g.Key, err = k.PublicKey.Bytes()
	return err
}

// writeDevice puts the device secret into its index, whether or not it has one.
func writeDevice(t transport.TPM, p *parent, x index, auth []byte, device *keystore.Secret) error {
	_, err := tpm2.NVWrite{
		AuthHandle: x.by(p.hmac(auth, sealing())),
		NVIndex:    x.named(),
		Data:       tpm2.TPM2BMaxNVBuffer{Buffer: device[:]},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("write the device secret: %w", err)
	}
	return nil
}

// makeGate makes the indices of the record's gate, with no PIN. Until the last
// command there is no gate: its secret is written last.
func (s setup) makeGate(rec *record, device, secret *keystore.Secret) error {
	k, err := authKey(secret)
	if err != nil {
		return err
	}
	pol, err := newPolicies(&rec.Gate, rec.FreeRead)
	if err != nil {
		return err
	}
	none := pol.auth(device, noPIN, nil)
	defer clear(none)
	return s.defineGate(pol, k, none, secret)
}

// defineGate makes the two indices, with an authorization value of tries.
func (s setup) defineGate(p *policies, k *ecdsa.PrivateKey, auth []byte, secret *keystore.Secret) error {
	if err := p.tries.define(s, s.parent, s.password, auth); err != nil {
		return err
	}
	h, err := p.loadKey(s)
	if err != nil {
		return err
	}
	_, err = tpm2.NVWrite{
		AuthHandle: p.tries.by(s.parent.policy(p.signing(k, h, tpm2.TPMCCNVWrite))),
		NVIndex:    p.tries.named(),
		Data:       tpm2.TPM2BMaxNVBuffer{Buffer: count{0, ctap.MaxPINRetries}.bytes()},
	}.Execute(s)
	if lost(err) {
		return err
	}
	flush(s, h)
	if err != nil {
		return err
	}
	if err := p.secret.define(s, s.parent, s.password, nil); err != nil {
		return err
	}
	_, err = tpm2.NVWrite{
		AuthHandle: p.secret.by(s.parent.policy(p.proving(s.parent, auth), sealing())),
		NVIndex:    p.secret.named(),
		Data:       tpm2.TPM2BMaxNVBuffer{Buffer: secret[:]},
	}.Execute(s)
	return err
}
