package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// The tests of this file run on a real gnome-keyring, on a session bus of their
// own: the test program starts itself again below dbus-run-session. Where these
// are not installed they are left out as tier "keyring".

const ownBusEnv = "SIGNET_TEST_OWN_BUS"

// busConfig is a session bus on which nothing is started on demand.
const busConfig = `<busconfig>
<type>session</type>
<listen>unix:tmpdir=/tmp</listen>
<auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>`

func TestSecretService(t *testing.T) {
	if os.Getenv(ownBusEnv) != "" {
		testSecretService(t)
		return
	}
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("tier keyring: %s is not installed", program)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	config := filepath.Join(home, "bus.conf")
	if err := os.WriteFile(config, []byte(busConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), "dbus-run-session", "--config-file="+config, "--",
		self, "-test.run=^TestSecretService$", "-test.v", "-test.timeout=2m")
	again.Env = append(os.Environ(), ownBusEnv+"=1", "HOME="+home, "XDG_RUNTIME_DIR="+home,
		"XDG_DATA_HOME="+filepath.Join(home, "data"), "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "DISPLAY=", "WAYLAND_DISPLAY=")
	out, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSecretService") {
		t.Errorf("below dbus-run-session: %v\n%s", err, out)
	}
}

func testSecretService(t *testing.T) {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	path := filepath.Join(t.TempDir(), "root")
	opts := Options{KDF: cheap, Timeout: 20 * time.Second}
	fails := func(t *testing.T, want error) {
		t.Helper()
		_, err := Open(t.Context(), path, opts)
		wants(t, "Open", err, want)
		err = Create(t.Context(), filepath.Join(t.TempDir(), "root"), opts)
		if want == ErrKeyLost {
			want = nil
		}
		wants(t, "Create", err, want)
	}

	wants(t, "Available without a service", Available(t.Context()), ErrNoService)
	wants(t, "Create without a service", Create(t.Context(), path, opts), ErrNoService)
	outer := t // the daemon outlives the subtest that starts it
	daemon := startDaemon(outer, bus, "pw")
	if err := Available(t.Context()); err != nil {
		t.Errorf("Available: %v", err)
	}
	if err := Create(t.Context(), path, opts); err != nil {
		t.Fatal(err)
	}
	t.Run("Contract", func(t *testing.T) {
		keystoretest.TestRoot(t, roots())
		keystoretest.TestGate(t, roots())
	})
	t.Run("Killed", func(t *testing.T) { keystoretest.TestKilled(t, kill) })
	t.Run("Renew", func(t *testing.T) {
		r := mustOpen(t, path, opts)
		old := r.Header()
		if err := Reseal(t.Context(), r, opts); err != nil {
			t.Fatal(err)
		}
		r.Close()
		mustOpen(t, path, opts).Close()
		_, err := opts.get(t.Context(), old.Salt)
		wants(t, "the old key", err, ErrKeyLost)
	})
	t.Run("Restart", func(t *testing.T) {
		daemon.stop()
		fails(t, ErrNoService)
		daemon = startDaemon(outer, bus, "pw")
		mustOpen(t, path, opts).Close()
	})
	t.Run("NobodyToAsk", func(t *testing.T) {
		lock(t, bus)
		fails(t, ErrLocked)
	})
	t.Run("WrongPassword", func(t *testing.T) {
		daemon.stop()
		daemon = startDaemon(outer, bus, "wrong")
		fails(t, ErrLocked)
		daemon.stop()
		daemon = startDaemon(outer, bus, "pw")
		mustOpen(t, path, opts).Close()
	})
	t.Run("Dismissed", func(t *testing.T) {
		lock(t, bus)
		p := startPrompter(t, bus, true)
		fails(t, ErrLocked)
		if p.asked.Load() == 0 {
			t.Error("nobody was asked")
		}
	})
	t.Run("Unanswered", func(t *testing.T) {
		lock(t, bus)
		startPrompter(t, bus, false)
		start := time.Now()
		opts := opts
		opts.Timeout = 300 * time.Millisecond
		_, err := Open(t.Context(), path, opts)
		wants(t, "Open", err, ErrUnanswered)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = Open(ctx, path, Options{KDF: cheap})
		wants(t, "Open", err, context.DeadlineExceeded)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("KeyringDeleted", func(t *testing.T) {
		daemon.stop()
		daemon = startDaemon(outer, bus, "pw")
		mustOpen(t, path, opts).Close()
		var prompt dbus.ObjectPath
		err := bus.Object(busName, busPath+"/collection/login").Call("org.freedesktop.Secret.Collection.Delete", 0).Store(&prompt)
		if err != nil || prompt != "/" {
			t.Fatalf("delete the keyring: %v, %v", prompt, err)
		}
		fails(t, ErrNoKeyring)
	})
	t.Run("KeyringRemade", func(t *testing.T) {
		daemon.stop()
		daemon = startDaemon(outer, bus, "pw")
		fails(t, ErrKeyLost)
	})
}

// A daemon is a gnome-keyring that a password unlocks, or makes a keyring with.
type daemon struct{ *exec.Cmd }

func startDaemon(t *testing.T, bus *dbus.Conn, password string) *daemon {
	t.Helper()
	awaitOwner(t, bus, false)
	d := &daemon{exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")}
	// No newline: it would be part of the password.
	d.Stdin = strings.NewReader(password)
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	awaitOwner(t, bus, true)
	return d
}

// stop ends the daemon, which would outlive its bus.
func (d *daemon) stop() {
	if d.ProcessState == nil {
		d.Process.Kill()
		d.Wait()
	}
}

// awaitOwner waits until the Secret Service is there, or is not.
func awaitOwner(t *testing.T, bus *dbus.Conn, want bool) {
	t.Helper()
	var has bool
	for range 500 {
		err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, busName).Store(&has)
		if err != nil {
			t.Fatal(err)
		}
		if has == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("Secret Service: there: %v, want %v", has, want)
}

func lock(t *testing.T, bus *dbus.Conn) {
	t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	login := []dbus.ObjectPath{busPath + "/collection/login"}
	err := bus.Object(busName, busPath).Call(serviceMember+"Lock", 0, login).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("lock the keyring: %v, %v", locked, err)
	}
}

// A prompter stands for the window in which gnome-keyring asks for a password:
// the person dismisses each question, or is not there.
type prompter struct {
	bus     *dbus.Conn
	dismiss bool
	asked   atomic.Int32
}

const (
	prompterName = "org.gnome.keyring.SystemPrompter"
	prompterPath = "/org/gnome/keyring/Prompter"
	prompterType = "org.gnome.keyring.internal.Prompter"
)

func startPrompter(t *testing.T, bus *dbus.Conn, dismiss bool) *prompter {
	t.Helper()
	p := &prompter{bus: bus, dismiss: dismiss}
	err := bus.Export(p, prompterPath, prompterType)
	reply, nameErr := bus.RequestName(prompterName, dbus.NameFlagDoNotQueue)
	if err := errors.Join(err, nameErr); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(fmt.Errorf("own %s: %v, %w", prompterName, reply, err))
	}
	t.Cleanup(func() { bus.ReleaseName(prompterName) })
	return p
}

// tell calls back once the call that it answers has returned: what comes before
// is not heard.
func (p *prompter) tell(to dbus.Sender, path dbus.ObjectPath, method string, args ...any) {
	time.AfterFunc(100*time.Millisecond, func() {
		p.bus.Object(string(to), path).Go(prompterType+".Callback."+method, dbus.FlagNoReplyExpected, nil, args...)
	})
}

func (p *prompter) BeginPrompting(from dbus.Sender, callback dbus.ObjectPath) *dbus.Error {
	p.tell(from, callback, "PromptReady", "", map[string]dbus.Variant{}, "")
	return nil
}

func (p *prompter) PerformPrompt(from dbus.Sender, callback dbus.ObjectPath, _ string, _ map[string]dbus.Variant, exchange string) *dbus.Error {
	p.asked.Add(1)
	if p.dismiss {
		p.tell(from, callback, "PromptReady", "no", map[string]dbus.Variant{}, exchange)
	}
	return nil
}

func (p *prompter) StopPrompting(from dbus.Sender, callback dbus.ObjectPath) *dbus.Error {
	p.tell(from, callback, "PromptDone")
	return nil
}
