package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/vault"
)

const (
	cutOldPIN = "493817"
	cutNewPIN = "a longer PIN"
)

// cutMain is "cut STORE change|reset STEP before|after": it changes the PIN of a
// device or resets it, and dies at a step. It exits with 0 if there was no such
// step.
func cutMain() int {
	step, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = cut(context.Background(), os.Args[1], os.Args[2], step, os.Args[4] == "after")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		return 1
	}
	return 0
}

func cut(ctx context.Context, path, operation string, step int, after bool) error {
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	root, err := openRoot(ctx, s, rootSecrets{})
	if err != nil {
		return err
	}
	key, err := vaultKey(ctx, root, s.ID)
	if err != nil {
		return err
	}
	v, err := vault.Open(s.VaultPath(), key[:])
	if err != nil {
		return err
	}
	f := keystoretest.NewFuse()
	f.After, f.Kill = after, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	engine, err := authenticator.New(ctx, authenticator.Config{
		Profile: authenticator.SecurityKey(), Root: f.Root(root), Vault: f.Vault(v), User: consent.Policy{Approve: true},
	})
	if err != nil {
		return err
	}
	c := client.New(client.Local(engine, nil))
	f.Light(step - 1)
	if operation == "reset" {
		return c.Reset(ctx)
	}
	return c.ChangePIN(ctx, pinuv.Two, []byte(cutOldPIN), []byte(cutNewPIN))
}

// TestCut kills a process with a real store at each step on either of its two
// stores, in a PIN change and in a reset, and starts the device again.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	signet, env := programs(t, dir)
	base, h := filepath.Join(dir, "base"), store.Header{
		Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: filepath.Join(dir, "key"), Profile: store.ProfileSecurityKey,
	}
	if err := createDevice(t.Context(), base, h, rootSecrets{}, []byte(cutOldPIN)); err != nil {
		t.Fatal(err)
	}
	onDevice(t, base, func(c *client.Authenticator) {
		token, err := c.TokenByPIN(t.Context(), pinuv.Two, []byte(cutOldPIN), ctap.PermissionMC, "example.com")
		if err != nil {
			t.Fatal(err)
		}
		hash, two := make([]byte, 32), uint64(pinuv.Two)
		if _, err := c.MakeCredential(t.Context(), &ctap.MakeCredentialRequest{
			ClientDataHash: hash, RP: &ctap.RP{ID: "example.com"}, User: &ctap.User{ID: []byte("alice")},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}}, Options: map[string]bool{"rk": true},
			PinUvAuthProtocol: &two, PinUvAuthParam: token.Authenticate(hash),
		}); err != nil {
			t.Fatal(err)
		}
	})
	for _, operation := range []string{"change", "reset"} {
		for _, when := range []string{"before", "after"} {
			ended := false
			for step := 1; !ended && !t.Failed(); step++ {
				if step > 20 {
					t.Fatal("the operation never ends")
				}
				t.Run(fmt.Sprint(operation, " ", when, " step ", step), func(t *testing.T) {
					path := filepath.Join(dir, fmt.Sprint(operation, when, step))
					if out, err := exec.Command("cp", "-a", base, path).CombinedOutput(); err != nil {
						t.Fatalf("copy the store: %v\n%s", err, out)
					}
					cmd := exec.Command(filepath.Join(filepath.Dir(signet), "cut"), path, operation, strconv.Itoa(step), when)
					cmd.Env = env
					out, err := cmd.CombinedOutput()
					ended = err == nil
					var exit *exec.ExitError
					if err != nil && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
						t.Fatalf("cut: %v\n%s", err, out)
					}
					onDevice(t, path, func(c *client.Authenticator) { checkCut(t, c, operation, ended) })
				})
			}
		}
	}
}

// onDevice runs f on the device of a store.
func onDevice(t *testing.T, path string, f func(*client.Authenticator)) {
	t.Helper()
	unlock := func(store.Header) (rootSecrets, error) { return rootSecrets{}, nil }
	dev, err := openDevice(t.Context(), path, opening{unlock: unlock, user: consent.Policy{Approve: true}, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f(client.New(client.Local(dev.engine, nil)))
	if err := dev.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// checkCut: after a PIN change exactly one PIN is right and the passkey is
// there; after a reset all is gone, or nothing. An operation that ended has
// happened.
func checkCut(t *testing.T, c *client.Authenticator, operation string, ended bool) {
	t.Helper()
	_, err := c.GetAssertion(t.Context(), &ctap.GetAssertionRequest{RPID: "example.com", ClientDataHash: make([]byte, 32)})
	there := err == nil
	if err != nil && !errors.Is(err, ctap.ErrNoCredentials) {
		t.Fatalf("sign in: %v", err)
	}
	if operation == "reset" && !there {
		info, err := c.GetInfo(t.Context())
		if err != nil || info.Options["clientPin"] {
			t.Errorf("a PIN is left after a reset: %v", err)
		}
		return
	}
	if !there || operation == "reset" && ended {
		t.Fatalf("passkey there: %v, operation ended: %v", there, ended)
	}
	opens := func(pin string) bool {
		_, err := c.TokenByPIN(t.Context(), pinuv.Two, []byte(pin), ctap.PermissionGA, "example.com")
		if err != nil && !errors.Is(err, ctap.ErrPINInvalid) {
			t.Fatalf("try PIN: %v", err)
		}
		return err == nil
	}
	withNew := operation == "change" && opens(cutNewPIN)
	if withOld := opens(cutOldPIN); withOld == withNew {
		t.Errorf("old PIN right: %v, new PIN right: %v", withOld, withNew)
	}
	if operation == "change" && ended && !withNew {
		t.Error("a change that was confirmed is lost")
	}
}
