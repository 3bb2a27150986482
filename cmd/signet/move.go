package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
)

// moveFlags say where to move, and what opens the root there.
type moveFlags struct {
	ownerFlags
	To          string
	TPM         string
	LeaveBehind bool

	NewPassphraseFD   int
	NewPassphraseFile string
	NewKeyFile        string
	NewCredential     string
}

func newMove(c *config) *cobra.Command {
	var f moveFlags
	cmd := &cobra.Command{
		Use:   "move --to tpm|keyring|file",
		Short: "Let something else keep the keys",
		Long: `Move gives the device another root: its passkeys, their hmac-secret keys, its PIN and
settings go to a TPM, the OS keyring or an encrypted file, and sites notice nothing. What
kept the keys before is destroyed once all of them are at the new place.

Keys in a chip cannot leave it. Move names their passkeys and does nothing, until you have
registered something else at those sites and deleted them, or say --leave-behind: then
they are lost with the old root. Keys that move into a TPM are sealed to it, not in it;
only those made there are.

It needs the PIN, and a running signet has to be stopped first. Copies of the folder that
were made before still open with what opened them.`,
		Example: `  signet move --to tpm
  signet move --to keyring
  signet move --to file --new-key-file /etc/signet/key --pin-fd 3 3<pin`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.run(cmd, c)
		},
	}
	f.addFlags(cmd)
	f.addYes(cmd)
	cmd.Flags().StringVar(&f.To, "to", "", `what shall keep the keys: "tpm", "keyring" or "file"`)
	cmd.Flags().StringVar(&f.TPM, "tpm", defaultTPM, `the TPM's device node, or unix:PATH for an emulator's socket`)
	cmd.Flags().BoolVar(&f.LeaveBehind, "leave-behind", false, "lose the passkeys whose keys are in a chip")
	cmd.Flags().IntVar(&f.NewPassphraseFD, "new-passphrase-fd", -1, "read the new file's passphrase from this open file descriptor")
	cmd.Flags().StringVar(&f.NewPassphraseFile, "new-passphrase-file", "", "read the new file's passphrase from this file")
	cmd.Flags().StringVar(&f.NewKeyFile, "new-key-file", "", "key file of the new file, outside the store; it is made if there is none")
	cmd.Flags().StringVar(&f.NewCredential, "new-credential", "", "name of the systemd credential that opens the new file")
	return cmd
}

func (f *moveFlags) check(cmd *cobra.Command) error {
	if !slices.Contains(store.Roots(), f.To) {
		return usagef(cmd, "--to=%s: want %s", f.To, strings.Join(store.Roots(), " or "))
	}
	given := 0
	for _, set := range []bool{f.NewPassphraseFD >= 0, f.NewPassphraseFile != "", f.NewKeyFile != "", f.NewCredential != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		return usagef(cmd, "--new-passphrase-fd, --new-passphrase-file, --new-key-file and --new-credential exclude each other")
	}
	if given > 0 && f.To != store.RootFile {
		return usagef(cmd, "passphrase, key file and credential open an encrypted file, not root %s", f.To)
	}
	return f.rootAccess.check(cmd)
}

// moved is what became of a move.
type moved struct {
	Root   string           `json:"root"`
	Moved  int              `json:"moved"`
	Left   []daemon.Passkey `json:"left_behind,omitempty"`
	OldKey string           `json:"key_file_left,omitempty"`
	// ShortPIN tells that the new root asks for a longer one.
	ShortPIN bool `json:"pin_too_short,omitempty"`
}

func (f *moveFlags) run(cmd *cobra.Command, c *config) error {
	ctx := cmd.Context()
	if err := f.wantStopped(ctx, c); err != nil {
		return err
	}
	o := &owner{cmd: cmd, flags: &f.ownerFlags}
	if t, err := consent.OpenTerminal(); err == nil {
		o.terminal = t
		defer t.Close()
	}
	rules, err := c.admin.Read()
	if err != nil {
		return err
	}
	if err := mayMove(rules); err != nil {
		return err
	}
	// The same password serves the TPM on either side.
	password, err := f.ownerPassword()
	defer clear(password)
	if err != nil {
		return err
	}
	unlock := func(h store.Header) (rootSecrets, error) {
		passphrase, err := f.passphrase(ctx, h, o.terminal)
		return rootSecrets{OwnerPassword: bytes.Clone(password), KeyFile: f.KeyFile, Passphrase: passphrase}, err
	}
	if there, err := c.exists(); err != nil {
		return err
	} else if !there {
		return noStoreError{c.Store}
	}
	dev, err := f.retyped(o.terminal, func() (*device, error) {
		return openDevice(ctx, c.Store, opening{unlock: unlock, rules: rules, log: slog.New(slog.DiscardHandler)})
	})
	if err != nil {
		return err
	}
	o.Caller = daemon.Engine{Device: dev.engine, Policy: rules}
	result, err := f.move(ctx, o, dev, password)
	err = errors.Join(explainPIN(err), dev.Close(context.WithoutCancel(ctx)))
	switch {
	case err != nil:
		return err
	case f.JSON:
		return writeJSON(cmd.OutOrStdout(), result)
	}
	return result.print(cmd.OutOrStdout())
}

func (f *moveFlags) move(ctx context.Context, o *owner, dev *device, password []byte) (*moved, error) {
	pin, all, err := o.provenPasskeys(ctx)
	defer clear(pin)
	if err != nil {
		return nil, err
	}
	bound := slices.DeleteFunc(slices.Clone(all), func(p daemon.Passkey) bool { return !p.InChip })
	if err := f.confirmLoss(ctx, o, bound); err != nil {
		return nil, err
	}
	h, secrets, err := f.destination(ctx, o, dev.store)
	defer secrets.wipe()
	if err != nil {
		return nil, err
	}
	secrets.OwnerPassword = bytes.Clone(password)
	result := &moved{Root: h.Root, Moved: len(all) - len(bound), Left: bound, OldKey: dev.store.KeyFile,
		ShortPIN: utf8.RuneCount(pin) < minPINLength(h.Root)}
	if result.OldKey == h.KeyFile {
		result.OldKey = ""
	}
	shown := newProgress("Moved")
	defer shown.end()
	m := &mover{dev: dev, header: h, secrets: secrets, pin: pin, leaveBehind: f.LeaveBehind, progress: shown.step}
	return result, m.run(ctx)
}

// wantStopped refuses to go on while a daemon runs the device.
func (f *moveFlags) wantStopped(ctx context.Context, c *config) error {
	_, control, err := c.sockets()
	if err != nil {
		return err
	}
	running, err := (daemon.Client{Control: control}).Running(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", control, err)
	}
	if running {
		return runningError{}
	}
	return nil
}

// mayMove applies the administrator's policy. What moves is never in a chip.
func mayMove(rules policy.Policy) error {
	switch {
	case rules.ForbidCopying:
		return rules.Forbid(policy.ForbidCopying)
	case rules.RequireHardwareKeys:
		return rules.Forbid(policy.RequireHardwareKeys)
	}
	return nil
}

// confirmLoss refuses to lose passkeys that cannot move, or asks.
func (f *moveFlags) confirmLoss(ctx context.Context, o *owner, bound []daemon.Passkey) error {
	if len(bound) == 0 {
		return nil
	}
	if !f.LeaveBehind {
		return &boundError{what: "these passkeys are in a chip and cannot leave it", passkeys: bound,
			way: "Nothing was moved. At each of these sites register another authenticator, then delete the passkey here\n" +
				"  with signet passkeys delete; or say --leave-behind, and they are lost."}
	}
	return o.confirm(ctx, "These passkeys cannot leave the chip, and are lost by the move:\n"+strings.Join(passkeyNames(bound), "\n"), "lose")
}

// A boundError names passkeys that cannot go where they were asked to.
type boundError struct {
	what     string
	passkeys []daemon.Passkey
	way      string
}

func (e *boundError) Error() string {
	return e.what + ":\n" + strings.Join(passkeyNames(e.passkeys), "\n")
}

func (e *boundError) hint() string { return e.way }

// maxNames is how many passkeys an error names.
const maxNames = 20

func passkeyNames(list []daemon.Passkey) (names []string) {
	for i, p := range list {
		if i == maxNames {
			return append(names, fmt.Sprintf("    and %d more", len(list)-i))
		}
		names = append(names, fmt.Sprintf("    %s at %s", accountText(p), siteText(p)))
	}
	return names
}

// destination returns the header of the store as it will be, and what makes its
// root.
func (f *moveFlags) destination(ctx context.Context, o *owner, now *store.Store) (h store.Header, secrets rootSecrets, err error) {
	h = store.Header{Root: f.To}
	switch {
	case f.To == store.RootTPM:
		h.TPM, err = chipPath(f.TPM)
		if err == nil && now.Root == store.RootTPM && now.TPM == h.TPM {
			err = fmt.Errorf("that TPM, %s, keeps the keys already", h.TPM)
		}
	case f.To == store.RootKeyring:
	case f.NewKeyFile != "":
		h.Unlock = store.UnlockKeyFile
		h.KeyFile, err = keyFilePath(f.NewKeyFile, now.Path)
	case f.NewCredential != "":
		h.Unlock, h.Credential = store.UnlockCredential, f.NewCredential
	case f.NewPassphraseFD >= 0:
		h.Unlock = store.UnlockPassphrase
		secrets.Passphrase, err = console.ReadSecretFD(f.NewPassphraseFD)
	case f.NewPassphraseFile != "":
		h.Unlock = store.UnlockPassphrase
		secrets.Passphrase, err = console.ReadSecretFile(f.NewPassphraseFile)
	default:
		h.Unlock = store.UnlockPassphrase
		var talk *console.Console
		if talk, err = o.console("--new-passphrase-fd, --new-passphrase-file, --new-key-file or --new-credential"); err == nil {
			secrets.Passphrase, err = talk.NewSecret(ctx, "passphrase for the file", checkPassphrase)
		}
	}
	return h, secrets, err
}

func (m *moved) print(out io.Writer) error {
	fmt.Fprintf(out, "%s moved. What keeps the keys now: %s.\n", plural(m.Moved, "passkey"), rootText(m.Root))
	if len(m.Left) > 0 {
		fmt.Fprintf(out, "Left behind, and lost:\n%s\n", strings.Join(passkeyNames(m.Left), "\n"))
	}
	if m.OldKey != "" {
		fmt.Fprintf(out, "The key file %s is left: delete it if nothing else uses it.\n", m.OldKey)
	}
	if m.ShortPIN {
		fmt.Fprintln(out, "The PIN is shorter than this root asks for: change it with signet pin change.")
	}
	return nil
}

// plural counts things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func rootText(root string) string {
	switch root {
	case store.RootTPM:
		return "the TPM"
	case store.RootKeyring:
		return "the OS keyring"
	}
	return "an encrypted file"
}

// A runningError tells that a daemon is in the way.
type runningError struct{}

func (runningError) Error() string {
	return "signet runs on this device, which has to stand still for a move"
}

func (runningError) hint() string { return "Stop it, and try again." }

// provenPasskeys proves the PIN, which has to be set, and lists the passkeys. The
// caller wipes the PIN.
func (o *owner) provenPasskeys(ctx context.Context) ([]byte, []daemon.Passkey, error) {
	pin, err := o.provePIN(ctx)
	if err != nil {
		return nil, nil, err
	}
	if pin == nil {
		return nil, nil, errNoPIN{}
	}
	all, err := o.Passkeys(ctx, pin)
	return pin, all, err
}

// errNoPIN tells that what only the PIN opens cannot be taken along.
type errNoPIN struct{}

func (errNoPIN) Error() string {
	return "the device has no PIN, and part of each passkey can only be read behind one"
}

func (errNoPIN) Unwrap() error { return ctap.ErrPINNotSet }

func (errNoPIN) hint() string {
	return "Nothing was changed. Set one with signet pin set, and try again."
}
