// Package keyringtest runs desktop sessions for tests, with nothing in them but a
// bus and gnome-keyring on it, as the Secret Service.
package keyringtest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	busName    = "org.freedesktop.secrets"
	busPath    = "/org/freedesktop/secrets"
	collection = busPath + "/collection/login"
)

// busConfig is a session bus on which nothing is started on demand.
const busConfig = `<busconfig>
<type>session</type>
<listen>unix:tmpdir=/tmp</listen>
<auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>`

// A Session is a bus and the keyring on it, if it was started.
type Session struct {
	t       testing.TB
	home    string
	address string
	daemon  *exec.Cmd // the bus
	keyring *exec.Cmd // nil: it does not run
	bus     *dbus.Conn
}

// New starts a bus of its own, without a keyring. It skips the test, as of tier
// keyring, where the programs are not installed.
func New(t testing.TB) *Session {
	t.Helper()
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("tier keyring: no %s", program)
		}
	}
	s := &Session{t: t, home: t.TempDir()}
	config := filepath.Join(s.home, "bus.conf")
	if err := os.WriteFile(config, []byte(busConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s.daemon = exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := s.daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("start a bus: %v", err)
	}
	s.address = strings.TrimSpace(line)
	if s.bus, err = dbus.Connect(s.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.bus.Close() })
	return s
}

// End takes the bus away.
func (s *Session) End() { kill(s.daemon) }

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// Env is what programs need in their environment to be of this session: one
// variable, which tells where the bus is.
func (s *Session) Env() (name, value string) { return "DBUS_SESSION_BUS_ADDRESS", s.address }

// Start starts the keyring, and unlocks it with the password or makes it with
// that. A wrong password leaves it locked.
func (s *Session) Start(password string) {
	s.t.Helper()
	s.await(false)
	s.keyring = exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	name, value := s.Env()
	s.keyring.Env = append(os.Environ(), name+"="+value, "HOME="+s.home, "XDG_RUNTIME_DIR="+s.home,
		"XDG_DATA_HOME="+filepath.Join(s.home, "data"), "XDG_CONFIG_HOME="+s.home, "XDG_CACHE_HOME="+s.home,
		"DISPLAY=", "WAYLAND_DISPLAY=")
	s.keyring.Stdin = strings.NewReader(password) // a newline would be part of it
	if err := s.keyring.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.Stop)
	s.await(true)
}

// Stop kills the keyring. What it was told to keep is on disk.
func (s *Session) Stop() {
	if s.keyring != nil {
		kill(s.keyring)
		s.keyring = nil
	}
}

// await waits until the Secret Service is there, or is not.
func (s *Session) await(want bool) {
	s.t.Helper()
	var has bool
	for range 500 {
		err := s.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, busName).Store(&has)
		if err != nil {
			s.t.Fatal(err)
		}
		if has == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("Secret Service: there: %v, want %v", has, want)
}

func (s *Session) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return s.bus.Object(busName, path).Call("org.freedesktop.Secret."+method, 0, args...)
}

// Lock locks the keyring.
func (s *Session) Lock() {
	s.t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := s.call(busPath, "Service.Lock", []dbus.ObjectPath{collection}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		s.t.Fatalf("lock the keyring: %v, %v", locked, err)
	}
}

// Delete deletes the keyring with all that it keeps. The service goes on.
func (s *Session) Delete() {
	s.t.Helper()
	var prompt dbus.ObjectPath
	if err := s.call(collection, "Collection.Delete").Store(&prompt); err != nil || prompt != "/" {
		s.t.Fatalf("delete the keyring: %v, %v", prompt, err)
	}
}

// Accounts names the accounts that the keyring keeps something for under the
// name of a service.
func (s *Session) Accounts(service string) (names []string) {
	s.t.Helper()
	var unlocked, locked []dbus.ObjectPath
	err := s.call(busPath, "Service.SearchItems", map[string]string{"service": service}).Store(&unlocked, &locked)
	if err != nil || len(locked) > 0 {
		s.t.Fatalf("search the keyring: %v locked, %v", locked, err)
	}
	for _, path := range unlocked {
		v, err := s.bus.Object(busName, path).GetProperty("org.freedesktop.Secret.Item.Attributes")
		attributes, ok := v.Value().(map[string]string)
		if err != nil || !ok {
			s.t.Fatalf("read an item of the keyring: %v, %v", v, err)
		}
		names = append(names, attributes["username"])
	}
	return names
}
