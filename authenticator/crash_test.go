package authenticator

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/memory"
)

const rpID = "example.org"

// crashes runs an operation on a device with a passkey, cut off at each step in
// both ways, and hands the store, started again, to check, with what the
// operation answered. The fuse is lit after the start.
func crashes(t *testing.T, pin string, operation func(context.Context, *device) error, check func(t *testing.T, d *device, err error)) {
	for _, after := range []bool{false, true} {
		for steps, done := 0, false; !done; steps++ {
			t.Run(fmt.Sprintf("step %d after %v", steps, after), func(t *testing.T) {
				root, vault := memory.NewRoot(nil), memory.NewVault()
				f := keystoretest.NewFuse()
				f.After = after
				d := newDevice(t, Config{Root: f.Root(root), Vault: f.Vault(vault)})
				_, err := d.register(t.Context(), rpID, "user", nil, nil)
				mustBe(t, "register", err, nil)
				if pin != "" {
					mustBe(t, "set PIN", d.setPIN(t.Context(), pin), nil)
				}
				f.Light(steps)
				err = operation(t.Context(), d)
				done = !f.Blown()
				root.Gate().Shut() // the process's memory is gone
				check(t, newDevice(t, Config{Root: root, Vault: vault}), err)
			})
			if steps > 20 {
				t.Fatal("the operation never ends")
			}
		}
	}
}

// opens reports whether a PIN is right.
func opens(t *testing.T, d *device, pin string) bool {
	t.Helper()
	_, err := d.pinToken(t.Context(), pin, ctap.PermissionGA, rpID)
	if err != nil && !errors.Is(err, ctap.ErrPINInvalid) {
		t.Fatalf("try PIN: %v", err)
	}
	return err == nil
}

// signsIn tells whether the passkey works.
func signsIn(t *testing.T, d *device) bool {
	t.Helper()
	_, err := d.login(t.Context(), rpID, nil, nil)
	if err != nil && !errors.Is(err, ctap.ErrNoCredentials) {
		t.Fatalf("sign in: %v", err)
	}
	return err == nil
}

func TestCrashInPINChange(t *testing.T) {
	const old, next = "1234", "longer PIN"
	crashes(t, old,
		func(ctx context.Context, d *device) error { return d.newPIN(ctx, old, next) },
		func(t *testing.T, d *device, err error) {
			withNew := opens(t, d, next)
			if withOld := opens(t, d, old); withOld == withNew {
				t.Fatalf("old PIN right: %v, new PIN right: %v", withOld, withNew)
			}
			if err == nil && !withNew {
				t.Error("the change was confirmed and is lost")
			}
			if !signsIn(t, d) {
				t.Error("passkey lost")
			}
			if want := map[bool]uint64{false: 4, true: 10}[withNew]; d.state.PINCodePoints != want {
				t.Errorf("PIN is remembered with %d code points, want %d", d.state.PINCodePoints, want)
			}
			if d.state.PINIntent != nil {
				t.Error("the intent outlived the right PIN")
			}
		})
}

func TestCrashInFirstPIN(t *testing.T) {
	crashes(t, "",
		func(ctx context.Context, d *device) error { return d.setPIN(ctx, "1234") },
		func(t *testing.T, d *device, err error) {
			if err == nil && !d.pinSet {
				t.Error("the PIN was confirmed and is lost")
			}
			if d.state.PINIntent != nil {
				t.Error("the intent outlived the start")
			}
			if !d.pinSet {
				mustBe(t, "set PIN again", d.setPIN(t.Context(), "1234"), nil)
			}
			if !opens(t, d, "1234") {
				t.Error("PIN is not right")
			}
			if d.state.PINCodePoints != 4 {
				t.Errorf("PIN is remembered with %d code points", d.state.PINCodePoints)
			}
			if !signsIn(t, d) {
				t.Error("passkey lost")
			}
		})
}

func TestCrashInReset(t *testing.T) {
	crashes(t, "1234",
		func(ctx context.Context, d *device) error { return d.send(ctx, ctap.CommandReset, nil, nil) },
		func(t *testing.T, d *device, err error) {
			there := signsIn(t, d)
			switch {
			case there && err == nil:
				t.Error("reset was confirmed and did not happen")
			case there && !d.pinSet:
				t.Error("passkeys without their PIN")
			case !there && d.pinSet:
				t.Error("a PIN without passkeys")
			}
			if there && !opens(t, d, "1234") {
				t.Error("PIN is not right")
			}
			if !there {
				if n, err := d.retries(t.Context()); err != nil || n != ctap.MaxPINRetries {
					t.Errorf("retries %d, %v", n, err)
				}
			}
		})
}

// TestCrashInWrongPIN kills the device at each step of a wrong try: if the
// device learned that the PIN is wrong, the try is spent.
func TestCrashInWrongPIN(t *testing.T) {
	crashes(t, "1234",
		func(ctx context.Context, d *device) error {
			_, err := d.pinToken(ctx, "9999", ctap.PermissionGA, rpID)
			return err
		},
		func(t *testing.T, d *device, err error) {
			n, readErr := d.retries(t.Context())
			mustBe(t, "read retries", readErr, nil)
			if errors.Is(err, ctap.ErrPINInvalid) && n != ctap.MaxPINRetries-1 {
				t.Errorf("%d tries left after a wrong one", n)
			}
		})
}
