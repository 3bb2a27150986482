package main

import (
	"bufio"
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// rounds is how often TestKill takes the power away.
const rounds = 9

// TestKill kills the whole daemon with kill -9 at random moments of PIN changes
// and resets. Whatever the moment: the device starts again; either the old PIN
// is right or the new one, and the passkey is there; or, after a reset,
// everything is gone.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	signet, env := programs(t, dir)
	k := &killed{t: t, signet: signet, env: env, dir: dir, pin: "493817"}
	t.Chdir(dir)
	k.init()
	k.start()
	k.register()
	for i := range rounds {
		// A change stretches two PINs, which takes most of its time.
		moment := time.Duration(rand.Int64N(int64(400 * time.Millisecond)))
		if i%3 == 2 {
			k.killReset(moment / 8)
		} else {
			k.killChange(moment)
		}
		if t.Failed() {
			t.Logf("round %d, killed after %v", i, moment)
			return
		}
	}
}

// killed is a device that is killed over and over.
type killed struct {
	t      *testing.T
	signet string
	env    []string
	dir    string
	pin    string

	run    *exec.Cmd
	client *ctapClient
	close  func() error
}

func (k *killed) init() {
	k.t.Helper()
	cmd := exec.Command(k.signet, "init", "--store", filepath.Join(k.dir, "dev"), "--root", "file", "--key-file", filepath.Join(k.dir, "key"),
		"--profile", "security-key", "--copyable", "no", "--no-pin")
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("init: %v\n%s", err, out)
	}
}

func (k *killed) start() {
	k.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		k.t.Fatal(err)
	}
	defer r.Close()
	k.run = exec.Command(k.signet, "run", "--store", filepath.Join(k.dir, "dev"), "--approve", "always", "--ready-fd", "3")
	k.run.Env, k.run.ExtraFiles = k.env, []*os.File{w}
	k.run.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(k.dir, "log"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer log.Close()
	k.run.Stderr = log
	if err := k.run.Start(); err != nil {
		k.t.Fatal(err)
	}
	w.Close()
	run := k.run
	k.t.Cleanup(func() { run.Process.Kill() })
	line, err := bufio.NewReader(r).ReadBytes('\n')
	var ready daemon.ReadyLine
	if err != nil || json.Unmarshal(line, &ready) != nil {
		out, _ := os.ReadFile(log.Name())
		k.t.Fatalf("the device does not start: %v\n%s", k.run.Wait(), out)
	}
	channel, err := dialStream(k.t.Context(), ready.Socket)
	if err != nil {
		k.t.Fatal(err)
	}
	k.client, k.close = &ctapClient{channel, client.New(channel)}, channel.Close
}

// killDuring runs f, kills the daemon some time after f has begun, and starts it
// again.
func (k *killed) killDuring(moment time.Duration, f func(context.Context)) {
	k.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(k.t.Context())
	}()
	select {
	case <-time.After(moment):
	case <-ended:
	}
	k.run.Process.Kill()
	k.run.Wait()
	k.close()
	<-ended
	k.start()
}

func (k *killed) killChange(moment time.Duration) {
	k.t.Helper()
	old, pin := k.pin, "1"+cryptorand.Text()
	k.killDuring(moment, func(ctx context.Context) {
		k.client.ChangePIN(ctx, pinuv.Two, []byte(old), []byte(pin))
	})
	oldErr, newErr := k.try(old), k.try(pin)
	switch {
	case oldErr == nil && newErr == nil:
		k.t.Error("both PINs are right")
	case newErr == nil:
		k.pin = pin
	case oldErr != nil:
		k.t.Errorf("neither PIN is right: %v, %v", oldErr, newErr)
	}
	k.login()
}

func (k *killed) killReset(moment time.Duration) {
	k.t.Helper()
	k.killDuring(moment, func(ctx context.Context) { k.client.Reset(ctx) })
	info, err := k.client.GetInfo(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	if info.Options["clientPin"] {
		k.login()
		return
	}
	if err := k.client.login(k.t.Context(), "example.com", ""); err == nil {
		k.t.Error("the PIN is gone and the passkey works on")
	}
	k.register()
}

// try tells whether a PIN is right.
func (k *killed) try(pin string) error {
	k.t.Helper()
	token, err := k.client.TokenByPIN(k.t.Context(), pinuv.Two, []byte(pin), ctap.PermissionGA, "example.com")
	if err == nil {
		token.Wipe()
	}
	return err
}

func (k *killed) register() {
	k.t.Helper()
	if err := k.client.SetPIN(k.t.Context(), pinuv.Two, []byte(k.pin)); err != nil {
		k.t.Fatalf("set the PIN: %v", err)
	}
	if err := k.client.register(k.t.Context(), "example.com", "alice", k.pin); err != nil {
		k.t.Fatalf("register: %v", err)
	}
}

func (k *killed) login() {
	k.t.Helper()
	if err := k.client.login(k.t.Context(), "example.com", k.pin); err != nil {
		k.t.Errorf("sign in: %v", err)
	}
}
