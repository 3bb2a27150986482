package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/site"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Register a passkey and sign in with it, from end to end",
		Long: `Demo makes a device in a temporary folder, starts a website on loopback, registers a
passkey there and signs in with it, through the same layers as a browser would. Then it
attacks the device: a wrong PIN, a foreign website, PIN guessing. It fails if any step
does not go as it has to, and leaves nothing behind.`,
		Example: "  signet demo",
		Args:    noArgs,
		// In place of the root command's: no setting means anything here.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
				if flag.Changed {
					err = usagef(cmd, "the demo makes a device of its own in a temporary folder, so --%s means nothing to it; "+
						"to try your own device, start it with signet run", flag.Name)
				}
			})
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "signet-demo-")
			if err != nil {
				return err
			}
			d := &demo{out: cmd.OutOrStdout(), dir: dir}
			err = d.run(cmd.Context())
			return errors.Join(err, d.stop(), os.RemoveAll(dir))
		},
	}
}

// The PINs of the demo. They are no secret.
const (
	demoPIN  = "493817"
	wrongPIN = "000000"
)

// demo is one telling of the story.
type demo struct {
	out   io.Writer
	dir   string
	step  int
	asked []string // what the person was asked in this step

	passphrase []byte
	device     *device
	power      context.CancelFunc // ends the device's doors
	served     chan error

	site    *http.Server
	origin  string
	channel *hid.Channel
}

func (d *demo) run(ctx context.Context) error {
	fmt.Fprint(d.out, "A passkey device, a browser's half and a website, from end to end.\n\n")
	start := time.Now()
	for _, s := range []struct {
		title string
		do    func(context.Context) (told string, err error)
	}{
		{"make a device on a fresh store", d.makeDevice},
		{"start it, with a door for CTAPHID reports", d.startDevice},
		{"start a website, built on go-webauthn", d.startSite},
		{"alice registers a passkey", d.register},
		{"alice signs in", d.signIn},
		{"restart the device, and alice signs in again", d.restartAndSignIn},
		{"a wrong PIN", d.tryWrongPIN},
		{"a foreign website asks for alice's passkey", d.tryForeignOrigin},
		{"a thief guesses PINs, then knows the right one", d.tryLockout},
	} {
		d.step++
		began := time.Now()
		told, err := s.do(ctx)
		mark := "ok"
		if err != nil {
			mark = "FAILED"
		}
		fmt.Fprintf(d.out, "%2d. %-52s %6s %7s\n", d.step, s.title, mark, time.Since(began).Round(time.Millisecond))
		for _, line := range append(d.asked, told) {
			if line != "" {
				fmt.Fprintf(d.out, "      %s\n", line)
			}
		}
		d.asked = nil
		if err != nil {
			return fmt.Errorf("demo, step %d: %w", d.step, err)
		}
	}
	_, err := fmt.Fprintf(d.out, `
Everything went as it has to, in %s. To go on:

  go install github.com/seed-77d61853/signet/cmd/signet@latest
  signet init
  signet run
`, time.Since(start).Round(time.Millisecond))
	return err
}

func (d *demo) storePath() string { return filepath.Join(d.dir, "device") }

func (d *demo) makeDevice(ctx context.Context) (string, error) {
	d.passphrase = []byte(rand.Text())
	h := store.Header{Root: store.RootFile, Unlock: store.UnlockPassphrase, Profile: store.ProfileSecurityKey}
	if err := createDevice(ctx, d.storePath(), h, rootSecrets{Passphrase: d.passphrase}, []byte(demoPIN)); err != nil {
		return "", err
	}
	return "keys in an encrypted file, behind a passphrase (Argon2id) and a PIN", nil
}

func (d *demo) startDevice(ctx context.Context) (string, error) {
	unlock := func(store.Header) (rootSecrets, error) {
		return rootSecrets{Passphrase: bytes.Clone(d.passphrase)}, nil
	}
	dev, err := openDevice(ctx, d.storePath(), opening{unlock: unlock, user: d, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	d.device = dev
	socket := filepath.Join(d.dir, "ctap.sock")
	doors, err := dev.openDoors(socket, "", "")
	if err != nil {
		return "", err
	}
	on, power := context.WithCancel(context.WithoutCancel(ctx))
	d.power, d.served = power, make(chan error, 1)
	go func() { d.served <- doors[0].Serve(on) }()
	if d.channel, err = dialStream(ctx, socket); err != nil {
		return "", err
	}
	info, err := client.New(d.channel).GetInfo(ctx)
	if err != nil {
		return "", err
	}
	return "it speaks " + strings.Join(info.Versions, ", "), nil
}

func (d *demo) startSite(context.Context) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.origin = fmt.Sprintf("http://localhost:%d", ln.Addr().(*net.TCPAddr).Port)
	s, err := site.New("localhost", d.origin, "alice", "Alice Liddell")
	if err != nil {
		return "", errors.Join(err, ln.Close())
	}
	d.site = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go d.site.Serve(ln)
	return d.origin, nil
}

// Ask is the person's part: the demo agrees to everything.
func (d *demo) Ask(_ context.Context, p authenticator.Prompt) (authenticator.Consent, error) {
	account := ""
	if len(p.Accounts) > 0 {
		account = ", account " + consent.Printable(p.Accounts[0].Name)
	}
	d.asked = append(d.asked, fmt.Sprintf("the device asks: %s, %s%s? The demo says yes.", consent.Site(p), p.Operation, account))
	return authenticator.Consent{Present: true}, nil
}

// browser is a browser at a page of an origin, whose person types the PINs.
func (d *demo) browser(origin string, pins ...string) *client.Client {
	return &client.Client{Device: d.channel, Origin: origin, PIN: func(context.Context, client.PINRequest) ([]byte, error) {
		if len(pins) == 0 {
			return nil, errors.New("the person gave up")
		}
		pin := pins[0]
		pins = pins[1:]
		return []byte(pin), nil
	}}
}

func (d *demo) register(ctx context.Context) (string, error) {
	result, err := ceremony(ctx, d.origin, "register", d.browser(d.origin, demoPIN).Create)
	if err != nil {
		return "", err
	}
	if !result.UserVerified {
		return "", errors.New("the site saw no user verification")
	}
	return fmt.Sprintf("the site has verified it: %s attestation, PIN proven", result.Attestation), nil
}

func (d *demo) signIn(ctx context.Context) (string, error) {
	result, err := ceremony(ctx, d.origin, "login", d.browser(d.origin, demoPIN).Get)
	if err != nil {
		return "", err
	}
	if !result.UserVerified {
		return "", errors.New("the site saw no user verification")
	}
	return fmt.Sprintf("the site has verified the signature: it is %s, PIN proven, counter %d", result.Account, result.SignCount), nil
}

func (d *demo) restartAndSignIn(ctx context.Context) (string, error) {
	if err := d.stopDevice(); err != nil {
		return "", err
	}
	if _, err := d.startDevice(ctx); err != nil {
		return "", err
	}
	return d.signIn(ctx)
}

func (d *demo) tryWrongPIN(ctx context.Context) (string, error) {
	_, err := ceremony(ctx, d.origin, "login", d.browser(d.origin, wrongPIN).Get)
	if err := refused(err, client.NotAllowedError); err != nil {
		return "", err
	}
	retries, _, err := client.New(d.channel).PINRetries(ctx)
	if err != nil {
		return "", err
	}
	if retries != ctap.MaxPINRetries-1 {
		return "", fmt.Errorf("%d tries are left", retries)
	}
	return fmt.Sprintf("refused: %d tries are left", retries), nil
}

func (d *demo) tryForeignOrigin(ctx context.Context) (string, error) {
	_, err := ceremony(ctx, d.origin, "login", d.browser("https://localhost.example", demoPIN).Get)
	if err := refused(err, client.SecurityError); err != nil {
		return "", err
	}
	return "refused by the browser's half: https://localhost.example is not localhost", nil
}

func (d *demo) tryLockout(ctx context.Context) (string, error) {
	_, err := ceremony(ctx, d.origin, "login", d.browser(d.origin, wrongPIN, wrongPIN, wrongPIN, demoPIN).Get)
	if err := refused(err, client.NotAllowedError); err != nil {
		return "", err
	}
	_, err = ceremony(ctx, d.origin, "login", d.browser(d.origin, demoPIN).Get)
	if err := refused(err, client.NotAllowedError); err != nil {
		return "", fmt.Errorf("after three wrong PINs: %w", err)
	}
	retries, restart, err := client.New(d.channel).PINRetries(ctx)
	if err != nil {
		return "", err
	}
	if !restart {
		return "", errors.New("the device does not ask for a restart")
	}
	return fmt.Sprintf("refused, the right PIN too, until somebody restarts the device; %d tries are left", retries), nil
}

// refused checks that a ceremony failed as a page would see it.
func refused(err error, name string) error {
	var dom *client.Error
	switch {
	case err == nil:
		return errors.New("it was not refused")
	case !errors.As(err, &dom) || dom.Name != name:
		return fmt.Errorf("want %s: %w", name, err)
	}
	return nil
}

func (d *demo) stopDevice() error {
	var errs []error
	if d.channel != nil {
		errs = append(errs, d.channel.Close())
	}
	if d.power != nil {
		d.power()
		if err := <-d.served; !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	if d.device != nil {
		errs = append(errs, d.device.Close(context.Background()))
	}
	d.channel, d.power, d.device = nil, nil, nil
	return errors.Join(errs...)
}

func (d *demo) stop() error {
	err := d.stopDevice()
	if d.site != nil {
		err = errors.Join(err, d.site.Close())
	}
	return err
}
