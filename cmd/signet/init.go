package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
)

// leastPIN is the shortest PIN in code points that any device takes (CTAP 2.3
// §6.5.1).
const leastPIN = 4

// minPINLength is the shortest PIN in code points. On a root without a chip that
// counts tries, whoever has a copy of the files tries PINs without limit.
func minPINLength(root string) int {
	if root == store.RootTPM {
		return leastPIN
	}
	return 6
}

// rootAccess is what opens the root; of what opens an encrypted file at most one
// is set.
type rootAccess struct {
	PassphraseFD   int // below 0: none
	PassphraseFile string
	KeyFile        string
	OwnerFD        int // below 0: none

	typed bool // the passphrase was asked for on the terminal
}

func (a *rootAccess) addFlags(f *pflag.FlagSet) {
	f.IntVar(&a.PassphraseFD, "passphrase-fd", -1, "read the passphrase from this open file descriptor")
	f.StringVar(&a.PassphraseFile, "passphrase-file", "", "read the passphrase from this file")
	f.StringVar(&a.KeyFile, "key-file", "", "key file in place of a passphrase, outside the store")
	a.addOwnerFlag(f)
}

func (a *rootAccess) addOwnerFlag(f *pflag.FlagSet) {
	f.IntVar(&a.OwnerFD, "tpm-owner-fd", -1, "read the TPM's owner password, where it has one, from this open file descriptor")
}

// ownerPassword reads the TPM's owner password; nil where none is given.
func (a *rootAccess) ownerPassword() ([]byte, error) {
	if a.OwnerFD < 0 {
		return nil, nil
	}
	return readSecret("TPM owner password", a.OwnerFD, "")
}

func (a *rootAccess) passphraseGiven() bool { return a.PassphraseFD >= 0 || a.PassphraseFile != "" }

// readPassphrase reads the passphrase from where the flags say.
func (a *rootAccess) readPassphrase() ([]byte, error) {
	return readSecret("passphrase", a.PassphraseFD, a.PassphraseFile)
}

// readSecret reads a secret from an open file descriptor, or where that is below
// 0 from a file. Several may come from one place, so an error tells which.
func readSecret(what string, fd int, path string) (secret []byte, err error) {
	if fd >= 0 {
		secret, err = console.ReadSecretFD(fd)
	} else {
		secret, err = console.ReadSecretFile(path)
	}
	if err != nil {
		return nil, nameSecret(fmt.Errorf("read the %s: %w", what, err), what)
	}
	return secret, nil
}

type initFlags struct {
	rootAccess
	Root       string
	TPM        string
	Credential string
	Profile    string
	Copyable   string
	PINFD      int
	NoPIN      bool
}

func newInit(c *config) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a device",
		Long: `Init makes a device: a folder with an encrypted root, which keeps the keys, and a
vault, which remembers the passkeys. It asks what kind of root and device to make, and
says for each what a lost disk or machine means. The kind of device, and whether its
passkeys may be copied, is for good; signet move changes what keeps the keys.

Without a terminal nothing is asked and nothing is chosen: every choice has to stand on
the command line. Secrets come from an open file descriptor or a file, never from the
command line, where others could see them.`,
		Example: `  signet init

  # Without a terminal: passphrase and PIN are the two lines on file descriptor 3.
  signet init --root file --passphrase-fd 3 --pin-fd 3 \
      --profile security-key --copyable no 3<secrets

  # Starts without anybody there; the key file is made if there is none.
  signet init --root file --key-file /etc/signet/key --no-pin \
      --profile security-key --copyable no

  # Keys in the TPM, which also counts the PIN tries. The PIN is asked for.
  signet init --root tpm --profile security-key --copyable no`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			talk, err := terminalFor(cmd, f.missing())
			if err != nil {
				return err
			}
			if talk != nil {
				defer talk.Terminal.Close()
			}
			secrets, err := initialize(cmd.Context(), c, &f, talk)
			secrets.wipe()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The device is made, in %s.\nStart it with:  %s\n", c.Store, c.command("run"))
			return err
		},
	}
	f.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.Root, "root", "", `what keeps the keys: "tpm", "keyring" or "file"`)
	cmd.Flags().StringVar(&f.TPM, "tpm", defaultTPM, `the TPM's device node, or unix:PATH for an emulator's socket`)
	cmd.Flags().StringVar(&f.Credential, "credential", "", "name of the systemd credential (LoadCredentialEncrypted) that opens the encrypted file")
	cmd.Flags().StringVar(&f.Profile, "profile", "", `kind of device: "security-key" or "platform"`)
	cmd.Flags().StringVar(&f.Copyable, "copyable", "", `may its passkeys be copied to another device: "yes" or "no"`)
	completes(cmd, "root", store.Roots()...)
	completes(cmd, "profile", store.Profiles()...)
	completes(cmd, "copyable", "yes", "no")
	cmd.Flags().IntVar(&f.PINFD, "pin-fd", -1, "read the PIN from this open file descriptor")
	cmd.Flags().BoolVar(&f.NoPIN, "no-pin", false, "set no PIN: any client can set one later")
	return cmd
}

// terminalFor opens the terminal where something is missing on the command
// line, and names what is missing where there is no terminal.
func terminalFor(cmd *cobra.Command, missing []string) (*console.Console, error) {
	if len(missing) == 0 {
		return nil, nil
	}
	t, err := consent.OpenTerminal()
	if err != nil {
		return nil, usagef(cmd, "there is no terminal to ask on, and nothing is chosen silently: give %s", strings.Join(missing, ", "))
	}
	return &console.Console{Terminal: t}, nil
}

// check refuses values that no flag knows.
func (f *initFlags) check(cmd *cobra.Command) error {
	for _, v := range []struct {
		flag, value string
		known       []string
	}{
		{"root", f.Root, store.Roots()},
		{"profile", f.Profile, store.Profiles()},
		{"copyable", f.Copyable, []string{"yes", "no"}},
	} {
		if v.value != "" && !slices.Contains(v.known, v.value) {
			return usagef(cmd, "--%s=%s: want %s", v.flag, v.value, strings.Join(v.known, " or "))
		}
	}
	if f.PINFD >= 0 && f.NoPIN {
		return usagef(cmd, "--pin-fd and --no-pin exclude each other")
	}
	if f.Root != "" && f.Root != store.RootFile && (f.passphraseGiven() || f.KeyFile != "" || f.Credential != "") {
		return usagef(cmd, "a passphrase, key file or credential opens an encrypted file, not root %s", f.Root)
	}
	if f.Credential != "" && (f.passphraseGiven() || f.KeyFile != "") {
		return usagef(cmd, "--credential excludes passphrase and key file")
	}
	return f.rootAccess.check(cmd)
}

// check refuses more than one way to open an encrypted file, and makes the key
// file's path absolute.
func (a *rootAccess) check(cmd *cobra.Command) (err error) {
	given := 0
	for _, set := range []bool{a.PassphraseFD >= 0, a.PassphraseFile != "", a.KeyFile != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		return usagef(cmd, "--passphrase-fd, --passphrase-file and --key-file exclude each other")
	}
	if a.KeyFile != "" {
		a.KeyFile, err = filepath.Abs(a.KeyFile)
	}
	return err
}

// missing lists the choices that the command line leaves open.
func (f *initFlags) missing() (flags []string) {
	add := func(open bool, flag string) {
		if open {
			flags = append(flags, flag)
		}
	}
	add(f.Root == "", "--root tpm, keyring or file")
	add(f.fileUnlockOpen(), "--passphrase-fd, --passphrase-file, --key-file or --credential")
	add(f.Profile == "", "--profile security-key or platform")
	add(f.Copyable == "", "--copyable yes or no")
	add(f.PINFD < 0 && !f.NoPIN, "--pin-fd or --no-pin")
	return flags
}

// fileUnlockOpen tells whether it is open what opens an encrypted file.
func (f *initFlags) fileUnlockOpen() bool {
	return (f.Root == "" || f.Root == store.RootFile) && !f.passphraseGiven() && f.KeyFile == "" && f.Credential == ""
}

// initialize makes the store; talk is nil where the flags leave nothing open. It
// returns what opens the store, which the caller wipes.
func initialize(ctx context.Context, c *config, f *initFlags, talk *console.Console) (secrets rootSecrets, err error) {
	if there, err := c.exists(); err != nil {
		return secrets, err
	} else if there {
		return secrets, existsError{c.Store}
	}
	if talk != nil {
		if err := f.ask(ctx, c, talk); err != nil {
			return secrets, err
		}
	}
	rules, err := c.admin.Read()
	if err != nil {
		return secrets, err
	}
	if err := f.checkPolicy(rules); err != nil {
		return secrets, err
	}
	header, secrets, err := f.root(ctx, c, talk)
	if err != nil {
		return secrets, err
	}
	pin, err := f.firstPIN(ctx, rules, talk)
	defer clear(pin)
	if err != nil {
		return secrets, err
	}
	return secrets, createDevice(ctx, c.Store, header, secrets, pin)
}

// root returns the header of the store to make, and what makes its root.
func (f *initFlags) root(ctx context.Context, c *config, talk *console.Console) (h store.Header, secrets rootSecrets, err error) {
	h = store.Header{Root: f.Root, Profile: f.Profile, Copyable: f.Copyable == "yes"}
	if secrets.OwnerPassword, err = f.ownerPassword(); err != nil {
		return h, secrets, err
	}
	switch {
	case f.Root == store.RootTPM:
		h.TPM, err = chipPath(f.TPM)
	case f.Root == store.RootKeyring:
	case f.KeyFile != "":
		h.Unlock = store.UnlockKeyFile
		h.KeyFile, err = keyFilePath(f.KeyFile, c.Store)
	case f.Credential != "":
		h.Unlock, h.Credential = store.UnlockCredential, f.Credential
	case f.passphraseGiven():
		h.Unlock = store.UnlockPassphrase
		if secrets.Passphrase, err = f.readPassphrase(); err == nil {
			err = checkPassphrase(secrets.Passphrase)
		}
	default:
		h.Unlock = store.UnlockPassphrase
		secrets.Passphrase, err = talk.NewSecret(ctx, "passphrase", checkPassphrase)
	}
	return h, secrets, err
}

// firstPIN gets the first PIN; empty where none is set.
func (f *initFlags) firstPIN(ctx context.Context, rules policy.Policy, talk *console.Console) (pin []byte, err error) {
	shortest := minPINLength(f.Root)
	switch {
	case f.NoPIN:
		return nil, nil
	case f.PINFD >= 0:
		pin, err = readSecret("PIN", f.PINFD, "")
	default:
		what := fmt.Sprintf("PIN, at least %d characters (Enter: none for now)", shortest)
		pin, err = talk.NewSecret(ctx, what, func(pin []byte) error {
			if len(pin) == 0 {
				return nil
			}
			return checkPIN(pin, shortest)
		})
	}
	if err == nil && len(pin) > 0 {
		err = errors.Join(checkPIN(pin, shortest), checkPINPolicy(rules, pin))
	}
	return pin, err
}

// keyFilePath returns the absolute path of a key file, which has to be elsewhere
// than the store: copied together with it, it protects nothing.
func keyFilePath(path, storePath string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(path, storePath+string(filepath.Separator)) {
		return "", fmt.Errorf("key file %s is in the store's own folder: whoever copies the one has the other; keep it elsewhere", path)
	}
	return path, nil
}

// ask fills in what the flags leave open, but for the secrets.
func (f *initFlags) ask(ctx context.Context, c *config, talk *console.Console) (err error) {
	if err := talk.Say("This makes a passkey device in " + c.Store + ".\nThe kind of device, and whether its passkeys may be copied, is for good; what keeps the\n" +
		"keys can be changed with signet move."); err != nil {
		return err
	}
	if f.Root == "" || f.fileUnlockOpen() {
		if err := f.askRoot(ctx, talk); err != nil {
			return err
		}
	}
	if f.Profile == "" {
		if f.Profile, err = talk.Choose(ctx, "What kind of device shall it be?", profileOptions()); err != nil {
			return err
		}
	}
	if f.Copyable == "" {
		f.Copyable, err = talk.Choose(ctx, "May its passkeys be copied to another device?", copyableOptions(f.Root))
	}
	return err
}

func (f *initFlags) askRoot(ctx context.Context, talk *console.Console) error {
	if !f.fileUnlockOpen() {
		f.Root = store.RootFile
		return nil
	}
	var offered []console.Option
	if f.Root == "" {
		offered = chipOptions(offersTPM(ctx, f.TPM), offersKeyring(ctx))
	}
	choice, err := talk.Choose(ctx, "What shall keep the keys? This machine offers:", append(offered, fileOptions()...))
	if err != nil {
		return err
	}
	if choice == store.RootTPM || choice == store.RootKeyring {
		f.Root = choice
		return nil
	}
	f.Root = store.RootFile
	if choice == store.UnlockPassphrase {
		return nil
	}
	f.KeyFile, err = talk.Line(ctx, "Key file, outside the store; it is made if there is none", "")
	if err == nil && f.KeyFile == "" {
		err = errors.New("no key file was named")
	}
	return err
}

func checkPassphrase(p []byte) error {
	if len(p) < 8 {
		return errors.New("a passphrase has at least 8 characters; several random words are good")
	}
	return nil
}
