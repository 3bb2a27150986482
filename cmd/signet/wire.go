package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/vault"
)

// This is the only file that knows every package: it puts a device together.

// profileFor returns a store's profile, with the PIN length that its root asks
// for.
func profileFor(h store.Header) (authenticator.Profile, error) {
	var p authenticator.Profile
	switch h.Profile {
	case store.ProfileSecurityKey:
		p = authenticator.SecurityKey()
	case store.ProfilePlatform:
		p = authenticator.Platform()
	default:
		return p, fmt.Errorf("profile %q is not known to this version", h.Profile)
	}
	p.MinPINLength = max(p.MinPINLength, minPINLength(h.Root))
	return p, nil
}

// errWrongSecret tells that the root does not open with what was given.
var errWrongSecret = file.ErrWrongSecret

// errOtherVault tells that the vault is another root's.
var errOtherVault = vault.ErrWrongKey

// vaultKey derives the key of the vault from the root.
func vaultKey(ctx context.Context, root keystore.Root, id string) ([32]byte, error) {
	key, err := root.Derive(ctx, "vault data key", []byte(id), keystore.Installation)
	if err != nil {
		return key, fmt.Errorf("derive the vault's key: %w", err)
	}
	return key, nil
}

// createDevice makes a store with all that is in it, and the key file where the
// header names one that is not there. pin may be empty: none is set.
func createDevice(ctx context.Context, path string, h store.Header, secrets rootSecrets, pin []byte) error {
	discard, err := makeKeyFile(h)
	if err != nil {
		return err
	}
	forget := func(left *store.Store) error { return forgetUnfinished(ctx, left, secrets) }
	s, err := store.Create(path, h, forget, func(s *store.Store) error {
		if err := createRoot(ctx, s, secrets); err != nil {
			return fmt.Errorf("make root: %w", err)
		}
		err := fillDevice(ctx, s, secrets, pin)
		if err != nil {
			err = errors.Join(err, forgetRoot(context.WithoutCancel(ctx), s, secrets))
		}
		return err
	})
	if err != nil {
		return errors.Join(err, discard())
	}
	return s.Close()
}

// fillDevice makes the vault and sets the first PIN as a client would.
func fillDevice(ctx context.Context, s *store.Store, secrets rootSecrets, pin []byte) (err error) {
	root, v, err := makeVault(ctx, s, secrets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close(), root.Close()) }()
	profile, err := profileFor(s.Header)
	if err != nil {
		return err
	}
	engine, err := authenticator.New(ctx, authenticator.Config{Profile: profile, Root: root, Vault: v, Copyable: s.Copyable})
	if err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	if len(pin) == 0 {
		return nil
	}
	c := client.New(client.Local(engine, nil))
	info, err := c.GetInfo(ctx)
	if err != nil {
		return fmt.Errorf("set the PIN: %w", err)
	}
	if err := c.SetPIN(ctx, client.Protocol(info), pin); err != nil {
		return fmt.Errorf("set the PIN: %w", err)
	}
	return nil
}

// makeVault opens the root of a store that is being built, and makes the vault.
func makeVault(ctx context.Context, s *store.Store, secrets rootSecrets) (keystore.Root, keystore.Vault, error) {
	root, err := openRoot(ctx, s, secrets)
	if err != nil {
		return nil, nil, fmt.Errorf("open root: %w", err)
	}
	key, err := vaultKey(ctx, root, s.ID)
	defer clear(key[:])
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	v, err := vault.Create(s.VaultPath(), key[:])
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make vault: %w", err), root.Close())
	}
	if err := checkKind(ctx, s, v); err != nil {
		return nil, nil, errors.Join(err, v.Close(), root.Close())
	}
	return root, v, nil
}

// checkKind holds the kind of device that store.yaml names against the one that
// the vault was made for: sites know which it was when they registered. A vault
// of before there was such a label takes it on.
func checkKind(ctx context.Context, s *store.Store, v *vault.Vault) error {
	kind, err := v.Label(ctx, []byte(s.Profile))
	if err != nil {
		return err
	}
	if string(kind) != s.Profile {
		return kindError{file: s.HeaderPath(), made: string(kind), now: s.Profile}
	}
	return nil
}

// A kindError tells that somebody has edited the kind of device.
type kindError struct{ file, made, now string }

func (e kindError) Error() string {
	return fmt.Sprintf("%s: profile %q is not what this device was made as, %q", e.file, e.now, e.made)
}

func (e kindError) hint() string {
	return fmt.Sprintf("Nothing was changed. The kind of a device is for good: put back the line  profile: %s\n"+
		"  For one of the other kind, make another device: signet init --profile %s --store FOLDER", e.made, e.now)
}

// opening is what a device is opened with.
type opening struct {
	unlock func(store.Header) (rootSecrets, error)
	rules  policy.Policy      // the administrator's
	user   authenticator.User // nil: nobody can be asked
	log    *slog.Logger
}

// device is an open device.
type device struct {
	store  *store.Store
	rules  policy.Policy
	user   authenticator.User
	log    *slog.Logger
	root   keystore.Root
	vault  keystore.Vault
	engine *authenticator.Authenticator
}

// openDevice opens the store at path, and starts the engine on it.
func openDevice(ctx context.Context, path string, o opening) (*device, error) {
	s, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	d := &device{store: s, rules: o.rules, user: o.user, log: o.log}
	if err := d.open(ctx, o.unlock); err != nil {
		return nil, errors.Join(err, d.Close(ctx))
	}
	return d, nil
}

func (d *device) open(ctx context.Context, unlock func(store.Header) (rootSecrets, error)) error {
	profile, err := profileFor(d.store.Header)
	if err != nil {
		return err
	}
	profile.MinPINLength = max(profile.MinPINLength, d.rules.MinPINLength)
	secrets, err := unlock(d.store.Header)
	defer secrets.wipe()
	if err != nil {
		return err
	}
	secrets.HardwareOnly = d.rules.RequireHardwareKeys
	root, err := openRoot(ctx, d.store, secrets)
	if err != nil {
		return fmt.Errorf("open root: %w", err)
	}
	d.root = root
	reportClock(d.log, d.store.VaultPath())
	key, err := vaultKey(ctx, d.root, d.store.ID)
	defer clear(key[:])
	if err != nil {
		return err
	}
	v, err := vault.Open(d.store.VaultPath(), key[:])
	if err != nil {
		return fmt.Errorf("open vault: %w", err)
	}
	d.vault = v
	if err := checkKind(ctx, d.store, v); err != nil {
		return err
	}
	d.engine, err = authenticator.New(ctx, authenticator.Config{
		Profile:  profile,
		Root:     d.root,
		Vault:    d.vault,
		User:     d.user,
		Copyable: d.store.Copyable,
		Log:      slog.New(outspoken{d.log.Handler()}),

		AllowRPIDs:   d.rules.RPIDs,
		HardwareOnly: d.rules.RequireHardwareKeys,
	})
	if err != nil {
		return fmt.Errorf("start device: %w", err)
	}
	if copyable := d.engine.Copyable(); copyable != d.store.Copyable {
		return fmt.Errorf("%s: store.yaml and vault do not agree whether passkeys may be copied; the vault says %t: %w",
			d.store.Path, copyable, keystore.ErrCorrupt)
	}
	if d.engine.FinishedReset() {
		tell("a reset that had begun is finished: every passkey and the PIN are gone")
	}
	// Only now is it known that what the store names works.
	settleMove(ctx, d.store, secrets)
	return nil
}

// Close stops the engine and closes what it stands on.
func (d *device) Close(ctx context.Context) error {
	return errors.Join(d.stop(ctx), d.store.Close())
}

// stop is Close but for the store, which stays locked.
func (d *device) stop(ctx context.Context) error {
	var errs []error
	if d.engine != nil {
		errs = append(errs, d.engine.Close(ctx))
	}
	if d.vault != nil {
		errs = append(errs, d.vault.Close())
	}
	if d.root != nil {
		errs = append(errs, d.root.Close())
	}
	d.engine, d.vault, d.root = nil, nil, nil
	return errors.Join(errs...)
}

// outspoken lets warnings through whatever the log's level is: that somebody is
// guessing the PIN has to reach the person.
type outspoken struct{ slog.Handler }

func (h outspoken) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// status returns the function that completes a daemon's status.
func (d *device) status(approve func() string) func(context.Context, *daemon.Status) error {
	return func(ctx context.Context, s *daemon.Status) error {
		gate, blocked, err := d.engine.PINState(ctx)
		lost := errors.Is(err, keystore.ErrGateLost)
		if err != nil && !lost {
			return fmt.Errorf("read the PIN's state: %w", err)
		}
		h := d.store.Header
		s.Version, s.Approve = version(), approve()
		s.Store = daemon.Store{Path: d.store.Path, ID: h.ID, Root: h.Root, Profile: h.Profile, Copyable: h.Copyable, Created: h.Created}
		s.Policy = policyStatus(d.rules)
		s.PIN = daemon.PIN{Set: gate.Set, Lost: lost, Open: gate.Open, Retries: gate.Retries, Blocked: blocked, MinLength: d.engine.MinPINLength(), MustChange: d.engine.PINMustChange()}
		for _, alg := range d.root.Algorithms() {
			if alg.InChip {
				s.InChip = append(s.InChip, alg.ID.String())
			}
		}
		return nil
	}
}
