// Package tpm is the root on a TPM 2.0. Private keys are made in the chip and
// sign there; the PIN is judged and its tries are counted by the chip; so the
// root stands against whoever has the disk and copies of it.
//
//	storage key (made by the chip, never leaves it)
//	   ├── keys: ES256, ES384, RS256, each with an authorization value of its own
//	   └── Installation secret, sealed ── survives Reset
//	NV indices
//	   ├── device: the device secret ── Ungated; overwritten by Reset
//	   ├── tries: counts wrong PINs, refuses all at eight
//	   ├── secret: the gate secret, for whoever proves the PIN to tries ── Gated
//	   └── counter: the run number
//
// Everything else lies in handles outside, sealed under one of the three
// secrets as by package software: also the keys of algorithms that the chip
// lacks, which are in this process's memory while they sign.
//
// The device secret and the file are no match for someone who has both the
// chip and the file: such a one can use what is Ungated, and can destroy the
// rest; but he cannot use what is Gated without the PIN.
package tpm

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/software"
)

// Options say how a root is made and behaves.
type Options struct {
	// OwnerPassword is the TPM's owner password, which Create, Reset and
	// Destroy need where one is set, and Open where a Reset was cut short.
	OwnerPassword []byte
	// HardwareOnly refuses the algorithms that the chip lacks.
	HardwareOnly bool
	// SoftwareOnly makes no key in the chip: for a store whose passkeys may be
	// copied to other devices.
	SoftwareOnly bool
}

var (
	_ keystore.Root     = (*Root)(nil)
	_ keystore.Counter  = (*Root)(nil)
	_ keystore.Attester = (*Root)(nil)
)

// keepOpen bounds the opened keys in memory of each protection.
const keepOpen = 1024

// Root is an open root. It implements keystore.Root.
type Root struct {
	path     string
	opts     Options
	lock     *flock.Flock
	chip     *chip
	rings    *software.Root
	gate     gate
	algs     []keystore.Algorithm
	closing  sync.Once
	closeErr error

	// The worker's.
	parent       *parent
	rec          *record
	locked       *arena.Box[held] // where the secrets are
	installation *keystore.Secret
	device       *keystore.Secret

	mu    sync.Mutex
	lives [3]*life // of the keys in the chip that were given out, by Protection
}

// held is what a root holds while it is open.
type held struct {
	installation, device keystore.Secret
	owner                [maxOwnerPassword]byte
}

// maxOwnerPassword is the size of the largest digest, and so of the longest
// authorization value, that a TPM knows.
const maxOwnerPassword = 64

// Open opens a root: fs.ErrNotExist where there is no file, ErrUnfinished,
// keystore.ErrInUse where another process has it open, ErrOtherTPM, ErrStale,
// keystore.ErrCorrupt, ErrIndexMissing and ErrIndexForeign for the device
// secret's index, and what can be wrong with a chip. Where an index of the gate
// is missing or foreign the root opens, and its gate answers with that error
// until a Reset. It holds a lock beside the file, path.lock, until Close.
func Open(ctx context.Context, path string, open Opener, opts Options) (*Root, error) {
	r, err := openRoot(ctx, path, open, opts)
	if err != nil {
		return nil, fmt.Errorf("open TPM root %s: %w", path, err)
	}
	return r, nil
}

func openRoot(ctx context.Context, path string, open Opener, opts Options) (*Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := len(opts.OwnerPassword); n > maxOwnerPassword {
		return nil, fmt.Errorf("%d bytes, which no TPM takes: %w", n, ErrOwnerPassword)
	}
	// The file itself is replaced, not a link to it.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, missing(err)
	}
	lock, err := file.Lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	r := &Root{path: path, opts: opts, lock: lock, chip: newChip(open), locked: arena.New[held]()}
	r.installation, r.device = &r.locked.Value().installation, &r.locked.Value().device
	r.opts.OwnerPassword = r.locked.Value().owner[:copy(r.locked.Value().owner[:], opts.OwnerPassword)]
	r.gate.root = r
	for p := range r.lives {
		r.lives[p] = newLife()
	}
	if err := r.chip.run(ctx, r.start); err != nil {
		r.chip.close()
		if r.rings != nil {
			r.rings.Close()
		}
		r.wipe()
		return nil, errors.Join(err, lock.Close())
	}
	r.algs = r.algorithms()
	return r, nil
}

// start reads the secrets out of the chip, and finishes what was cut short.
func (r *Root) start(t transport.TPM) error {
	data, err := read(r.path)
	if err != nil {
		return err
	}
	if r.rec, err = parse(data); err != nil {
		return err
	}
	if r.rec.Stage == settingUp {
		return ErrUnfinished
	}
	if r.parent, err = r.rec.parent(); err != nil {
		return err
	}
	if err := r.readSecrets(t); err != nil {
		return err
	}
	if err := verify(data, r.installation); err != nil {
		return err
	}
	isNew, isOld := hmac.Equal(check(r.device), r.rec.DeviceCheck), hmac.Equal(check(r.device), r.rec.OldDevice)
	switch {
	case r.rec.Stage == ready && isNew:
	case r.rec.Stage == resetting && (isNew || isOld):
		if err := r.resume(t); err != nil {
			return fmt.Errorf("finish a reset that was cut short: %w", err)
		}
	default:
		return ErrStale
	}
	if err := r.gate.use(&r.rec.Gate, r.rec.FreeRead); err != nil {
		return err
	}
	r.rings = software.New(r.state(), software.Options{KeepOpen: keepOpen})
	// Without its gate the root still has what is Ungated, and a reset makes
	// the gate anew: State tells.
	if err := r.gate.look(t); !errors.Is(err, ErrIndexMissing) && !errors.Is(err, ErrIndexForeign) {
		return err
	}
	return nil
}

// state is what the software part of the root works with.
func (r *Root) state() *software.State {
	return software.ElsewhereState(r.installation, r.device, [32]byte(r.rec.Gate.Public))
}

// readSecrets reads the Installation and device secrets. That they can be read
// over a session salted to the parent proves that the parent is the one of the
// file.
func (r *Root) readSecrets(t transport.TPM) error {
	err := r.readDevice(t)
	if rc := tpm2.TPMRC(0); errors.As(err, &rc) {
		err = r.repair(t, err)
	}
	if err != nil {
		return fmt.Errorf("read the device secret: %w", err)
	}
	secret, err := r.parent.unseal(t, r.rec.InstallationPublic, r.rec.InstallationPrivate, r.rec.Auth)
	if err != nil {
		return fmt.Errorf("unseal the installation's secret: %w", err)
	}
	defer clear(secret)
	copy(r.installation[:], secret)
	return nil
}

func (r *Root) readDevice(t transport.TPM) error {
	device, err := readDevice(t, r.parent, r.rec)
	if err != nil {
		return err
	}
	defer device.Wipe()
	*r.device = *device
	return nil
}

func readDevice(t transport.TPM, p *parent, rec *record) (*keystore.Secret, error) {
	x := deviceIndex(rec.Device).written()
	got, err := tpm2.NVRead{AuthHandle: x.by(p.hmac(rec.Auth, opening())), NVIndex: x.named(), Size: 32}.Execute(t)
	if err != nil {
		return nil, err
	}
	defer clear(got.Data.Buffer)
	if len(got.Data.Buffer) != 32 {
		return nil, fmt.Errorf("%d bytes: %w", len(got.Data.Buffer), ErrIndexForeign)
	}
	device := keystore.Secret(got.Data.Buffer)
	return &device, nil
}

// repair finds out why the device secret could not be read, and reads it again
// where the storage key was only removed from its handle.
func (r *Root) repair(t transport.TPM, cause error) error {
	if err := r.parent.check(t); err != nil {
		if !errors.Is(err, ErrOtherTPM) {
			return err
		}
		there, readErr := tpm2.ReadPublic{ObjectHandle: r.parent.handle}.Execute(t)
		if readErr == nil && there != nil {
			return err
		}
		if err := r.parent.restore(t, r.opts.OwnerPassword); err != nil {
			return err
		}
		return r.readDevice(t)
	}
	if err := deviceIndex(r.rec.Device).written().check(t); err != nil {
		return err
	}
	if is(cause, tpm2.TPMRCBadAuth) || is(cause, tpm2.TPMRCAuthFail) {
		return fmt.Errorf("index %#x: %w (%w)", uint32(r.rec.Device), ErrIndexForeign, cause)
	}
	return cause
}

// algorithms lists the chip's first, then what it lacks. ES256, which every
// relying party takes, is always the first.
func (r *Root) algorithms() []keystore.Algorithm {
	var algs []keystore.Algorithm
	if !r.opts.SoftwareOnly {
		for _, alg := range r.rec.InChip {
			algs = append(algs, keystore.Algorithm{ID: ctap.Algorithm(alg), InChip: true})
		}
	}
	for _, alg := range r.rings.Algorithms() {
		has := slices.ContainsFunc(algs, func(a keystore.Algorithm) bool { return a.ID == alg.ID })
		if !has && !r.opts.HardwareOnly {
			algs = append(algs, alg)
		}
	}
	return algs
}

// Algorithms implements keystore.Keys.
func (r *Root) Algorithms() []keystore.Algorithm { return slices.Clone(r.algs) }

// Create implements keystore.Keys.
func (r *Root) Create(ctx context.Context, alg ctap.Algorithm, binding []byte, p keystore.Protection) (keystore.Handle, keystore.Key, error) {
	i := slices.IndexFunc(r.algs, func(a keystore.Algorithm) bool { return a.ID == alg })
	if i < 0 {
		return nil, nil, fmt.Errorf("make a key of %v: %w", alg, keystore.ErrUnsupported)
	}
	if !r.algs[i].InChip {
		return r.rings.Create(ctx, alg, binding, p)
	}
	if p < keystore.Ungated || p > keystore.Installation {
		return nil, nil, fmt.Errorf("make a key of %v: unknown protection %d", alg, p)
	}
	life := r.life(p)
	b, err := do(ctx, r.chip, func(t transport.TPM) (*blob, error) { return r.parent.create(t, alg) }, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key of %v in the TPM: %w", alg, err)
	}
	defer clear(b.auth)
	plain := b.encode()
	defer clear(plain)
	sealed, err := r.rings.Seal(ctx, plain, sealBinding(p, binding), p)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key of %v in the TPM: %w", alg, err)
	}
	return append(keystore.Handle{chipKey, byte(p)}, sealed...), r.give(b, life), nil
}

// Open implements keystore.Keys. It asks nothing of the chip.
func (r *Root) Open(ctx context.Context, h keystore.Handle, binding []byte) (keystore.Key, error) {
	if len(h) < 2 || h[0] != chipKey || h[1] > byte(keystore.Installation) {
		return r.rings.Open(ctx, h, binding)
	}
	p := keystore.Protection(h[1])
	life := r.life(p)
	plain, err := r.rings.Unseal(ctx, h[2:], sealBinding(p, binding))
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	defer clear(plain)
	b, err := parseBlob(plain)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	defer clear(b.auth)
	return r.give(b, life), nil
}

// life returns what keys of a protection die with.
func (r *Root) life(p keystore.Protection) *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lives[p]
}

// kill kills the chip's keys of a protection that were given out.
func (r *Root) kill(p keystore.Protection, why error) {
	r.mu.Lock()
	life := r.lives[p]
	r.lives[p] = newLife()
	r.mu.Unlock()
	life.end(why)
}

// Seal implements keystore.Sealer.
func (r *Root) Seal(ctx context.Context, plain, binding []byte, p keystore.Protection) ([]byte, error) {
	return r.rings.Seal(ctx, plain, binding, p)
}

// Unseal implements keystore.Sealer.
func (r *Root) Unseal(ctx context.Context, sealed, binding []byte) ([]byte, error) {
	return r.rings.Unseal(ctx, sealed, binding)
}

// Derive implements keystore.Sealer.
func (r *Root) Derive(ctx context.Context, label string, binding []byte, p keystore.Protection) ([32]byte, error) {
	return r.rings.Derive(ctx, label, binding, p)
}

// Gate implements keystore.Root.
func (r *Root) Gate() keystore.Gate { return &r.gate }

// Close implements keystore.Root.
func (r *Root) Close() error {
	r.closing.Do(func() {
		r.closeErr = r.rings.Close()
		for p := range r.lives {
			r.kill(keystore.Protection(p), fs.ErrClosed)
		}
		r.chip.close()
		r.wipe()
		r.closeErr = errors.Join(r.closeErr, r.lock.Close())
	})
	return r.closeErr
}

func (r *Root) wipe() {
	r.installation, r.device, r.opts.OwnerPassword = nil, nil, nil
	r.locked.Free()
}
