package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
)

// Values of --approve, and what status says where it is not given.
const (
	approveAsk    = "ask"
	approveAlways = "always"
	approveNever  = "never"
	// With --headless, as a terminal is attached or not.
	approveAttached   = "attached"
	approveUnattended = "unattended"
)

// passphraseTries is how often a passphrase is asked for: what is typed after
// the program has given up goes to the shell, which remembers it.
const passphraseTries = 3

const mistyped = "  This is not the passphrase.\n"

type runFlags struct {
	rootAccess
	TCP          string
	PCSC         string
	Approve      string
	ReadyFD      int
	Headless     bool
	HardwareOnly bool
}

func newRun(c *config) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Start the device and answer on its doors",
		Long: `Run opens the device and lets clients in through its doors until it is told to stop
(Ctrl-C, SIGTERM). Each use of a passkey is asked on this terminal, or with --headless on
the one that signet consent attaches: the site, the account, the program that asks. On a
terminal the first run makes the device, as signet init does.

Doors:
  stream  always   64-byte CTAPHID reports on a unix socket, for you alone
  tcp     --tcp    the same on loopback TCP: every user of this machine reaches it
  pcsc    --pcsc   a virtual smart card, through vsmartcard's vpcd and pcscd:
                   every user that pcscd lets in reaches it`,
		Example: `  signet run
  signet run --pcsc
  signet run --tcp 127.0.0.1:7777

  # As a service: signet consent answers its questions.
  signet run --headless

  # In a test: nobody is asked, and one line of JSON on descriptor 3 says when it is ready.
  signet run --approve always --passphrase-file secret --ready-fd 3 3>ready`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDaemon(cmd, c, &f)
		},
	}
	f.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.TCP, "tcp", "", "open a door on this loopback address, such as 127.0.0.1:7777")
	cmd.Flags().StringVar(&f.PCSC, "pcsc", "", "show a virtual smart card through the vpcd at this address")
	cmd.Flags().Lookup("pcsc").NoOptDefVal = defaultVPCD
	cmd.Flags().StringVar(&f.Approve, "approve", "", `for tests: ask nobody, answer "always" or "never"`)
	cmd.Flags().BoolVar(&f.Headless, "headless", false, "ask on the terminals that signet consent attaches, not on this one")
	cmd.Flags().BoolVar(&f.HardwareOnly, "hardware-only", false, "refuse passkeys whose keys are not in a chip")
	completes(cmd, "approve", approveAlways, approveNever)
	cmd.Flags().IntVar(&f.ReadyFD, "ready-fd", -1, "write one line of JSON to this file descriptor when clients can come")
	return cmd
}

func runDaemon(cmd *cobra.Command, c *config, f *runFlags) error {
	switch f.Approve {
	case "", approveAlways, approveNever:
	default:
		return usagef(cmd, "--approve=%s: want always or never", f.Approve)
	}
	if err := f.check(cmd); err != nil {
		return err
	}
	for flag, address := range map[string]string{"tcp": f.TCP, "pcsc": f.PCSC} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			return usagef(cmd, "--%s=%s: want an address and a port, such as 127.0.0.1:7777", flag, address)
		}
	}
	if f.ReadyFD >= 0 {
		if err := console.CheckWritableFD(f.ReadyFD); err != nil {
			return usagef(cmd, "--ready-fd=%d: %v; the ready line goes to a descriptor that the caller opened, such as 3>ready", f.ReadyFD, err)
		}
	}
	terminal, err := f.terminal(cmd)
	if err != nil {
		return err
	}
	if terminal != nil {
		defer terminal.Close()
	}
	ctx, log := cmd.Context(), c.logger()
	unlock := f.unlocker(ctx, terminal)
	if made, err := firstRun(ctx, c, f, terminal); err != nil {
		return err
	} else if made != nil {
		unlock = func(store.Header) (rootSecrets, error) { return *made, nil }
	}
	header, err := store.ReadHeader(c.Store)
	if err != nil {
		return err
	}
	rules, err := c.admin.Read()
	if err != nil {
		return err
	}
	if f.HardwareOnly {
		if header.Root != store.RootTPM || header.Copyable {
			return errors.New("--hardware-only: this device keeps no key in a chip, so it could do nothing; make one with signet init --root tpm --copyable no")
		}
		rules.RequireHardwareKeys = true
	}
	dev, err := f.retyped(terminal, func() (*device, error) {
		return openDevice(ctx, c.Store, opening{unlock: unlock, rules: rules, user: f.user(header, terminal, log), log: log})
	})
	if err != nil {
		return err
	}
	if err = dev.checkPolicy(); err == nil {
		err = serve(ctx, cmd.OutOrStdout(), c, f, dev)
	}
	return errors.Join(err, dev.Close(context.WithoutCancel(ctx)))
}

// terminal opens the terminal; nil where there is none and none is needed.
func (f *runFlags) terminal(cmd *cobra.Command) (*consent.Terminal, error) {
	if f.Headless {
		if f.Approve != "" {
			return nil, usagef(cmd, "--headless and --approve exclude each other")
		}
		return nil, nil
	}
	terminal, err := consent.OpenTerminal()
	switch {
	case err == nil:
		return terminal, nil
	case f.Approve == "":
		return nil, usagef(cmd, "there is no terminal to ask on, so every use would be refused: start signet run on a terminal; or with --headless, and answer with signet consent; or in a test with --approve always or never")
	}
	return nil, nil
}

// firstRun makes the device where there is none and somebody to ask. It returns
// what opens the new one, so that nothing is asked twice; nil where there was one.
func firstRun(ctx context.Context, c *config, f *runFlags, terminal *consent.Terminal) (*rootSecrets, error) {
	there, err := c.exists()
	switch {
	case err != nil:
		return nil, err
	case there:
		return nil, nil
	case terminal == nil || f.Approve != "":
		return nil, noStoreError{c.Store}
	}
	flags := initFlags{rootAccess: f.rootAccess, TPM: defaultTPM, PINFD: -1}
	talk := &console.Console{Terminal: terminal}
	secrets, err := initialize(ctx, c, &flags, talk)
	if err == nil {
		err = talk.Say("\nThe device is made.")
	}
	if err != nil {
		secrets.wipe()
		return nil, err
	}
	return &secrets, nil
}

// retyped opens a device, and again where the passphrase that it asked for was
// mistyped.
func (a *rootAccess) retyped(terminal *consent.Terminal, open func() (*device, error)) (*device, error) {
	for try := 1; ; try++ {
		a.typed = false
		dev, err := open()
		if !a.typed || !errors.Is(err, errWrongSecret) || try == passphraseTries {
			return dev, err
		}
		if err := terminal.Print(mistyped); err != nil {
			return nil, err
		}
	}
}

// user is who answers questions. A platform authenticator asks for the PIN
// itself; a security key leaves that to the client.
func (f *runFlags) user(h store.Header, terminal *consent.Terminal, log *slog.Logger) authenticator.User {
	verifies := h.Profile == store.ProfilePlatform
	switch {
	case f.Approve != "":
		return consent.Policy{Approve: f.Approve == approveAlways, Log: log}
	case f.Headless:
		return &daemon.Attended{Verifies: verifies, Log: log}
	}
	terminal.Verifies = verifies
	return terminal
}

// unlocker gets what opens the root, as its header says.
func (f *rootAccess) unlocker(ctx context.Context, terminal *consent.Terminal) func(store.Header) (rootSecrets, error) {
	return func(h store.Header) (secrets rootSecrets, err error) {
		if secrets.OwnerPassword, err = f.ownerPassword(); err != nil {
			return secrets, err
		}
		secrets.KeyFile = f.KeyFile
		secrets.Passphrase, err = f.passphrase(ctx, h, terminal)
		return secrets, err
	}
}

// passphrase gets the passphrase of an encrypted file; nil where something else
// opens the root.
func (f *rootAccess) passphrase(ctx context.Context, h store.Header, terminal *consent.Terminal) ([]byte, error) {
	switch {
	case h.Root != store.RootFile || h.Unlock == store.UnlockCredential:
		if f.passphraseGiven() || f.KeyFile != "" {
			return nil, errors.New("this device is opened by neither passphrase nor key file")
		}
		return nil, nil
	case h.Unlock == store.UnlockKeyFile:
		if f.passphraseGiven() {
			return nil, errors.New("this device is opened by a key file, not by a passphrase")
		}
		return nil, nil
	case f.KeyFile != "":
		return nil, errors.New("this device is opened by a passphrase, not by a key file")
	case f.passphraseGiven():
		return f.readPassphrase()
	case terminal == nil:
		return nil, errors.New("the passphrase is needed and there is no terminal to ask on: give --passphrase-fd or --passphrase-file")
	}
	f.typed = true
	return console.Console{Terminal: terminal}.Secret(ctx, "Passphrase")
}

// serve runs an open device until ctx ends.
func serve(ctx context.Context, out io.Writer, c *config, f *runFlags, dev *device) error {
	stream, control, err := c.sockets()
	if err != nil {
		return err
	}
	doors, err := dev.openDoors(stream, f.TCP, f.PCSC)
	if err != nil {
		return err
	}
	attended, _ := dev.user.(*daemon.Attended)
	d := &daemon.Daemon{Doors: doors, Control: control, Log: dev.log, Status: dev.status(func() string { return f.consent(attended) }),
		Owner: daemon.Engine{Device: dev.engine, Policy: dev.rules, Asks: true}, Attended: attended, Lock: dev.engine.Lock}
	d.Ready = func() error {
		if err := introduce(ctx, out, c, d); err != nil {
			return err
		}
		return writeReady(ctx, d, f.ReadyFD)
	}
	return d.Run(ctx)
}

// consent names who answers questions now.
func (f *runFlags) consent(attended *daemon.Attended) string {
	switch {
	case f.Approve != "":
		return f.Approve
	case attended == nil:
		return approveAsk
	case attended.Attached():
		return approveAttached
	}
	return approveUnattended
}

// introduce says in plain words what runs.
func introduce(ctx context.Context, w io.Writer, c *config, d *daemon.Daemon) error {
	var s daemon.Status
	if err := d.Status(ctx, &s); err != nil {
		return err
	}
	fmt.Fprintf(w, "Signet runs: a passkey device (%s) in %s.\n", s.Store.Profile, s.Store.Path)
	fmt.Fprintf(w, "PIN: %s. Consent: %s.\n\nDoors:\n", pinText(s.PIN), approveText(s.Approve))
	for _, door := range d.Look(ctx) {
		fmt.Fprintf(w, "  %-7s %s\n", door.Name, door.Address)
		if door.Waiting != "" {
			fmt.Fprintf(w, "          now         %s\n", door.Waiting)
		}
		fmt.Fprintf(w, "          reached by  %s\n          use         %s\n", door.Reach, door.Use)
	}
	_, err := fmt.Fprintf(w, "\nLook at it with %q, stop it with Ctrl-C.\n", c.command("status"))
	return err
}

// writeReady writes the ready line, and closes the descriptor that it went to, but
// for the standard ones.
func writeReady(ctx context.Context, d *daemon.Daemon, fd int) error {
	if fd < 0 {
		return nil
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("file descriptor %d", fd))
	if err := d.WriteReady(ctx, f); err != nil || fd <= 2 {
		return err
	}
	return f.Close()
}
