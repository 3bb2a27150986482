package daemon

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"
)

// fakeManager stands in for the system's login manager on a bus.
type fakeManager struct{ waits chan inhibitor }

// inhibitor is a pipe: who has a copy of its write end delays the sleep.
type inhibitor struct{ r, w *os.File }

// released waits until nobody else has the write end.
func (i inhibitor) released(t *testing.T) {
	t.Helper()
	i.w.Close()
	i.r.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := i.r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("still delayed: %v", err)
	}
	i.r.Close()
}

// Inhibit hands out the write end of a pipe, as the real one does.
func (m fakeManager) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	r, w, err := os.Pipe()
	if err != nil || what != "sleep" || mode != "delay" {
		return 0, dbus.MakeFailedError(err)
	}
	fd := dbus.UnixFD(w.Fd()) // before the test, which closes it, has it
	m.waits <- inhibitor{r, w}
	return fd, nil
}

func privateBus(t *testing.T) (connect func() *dbus.Conn) {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("tier keyring: dbus-daemon is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return func() *dbus.Conn {
		conn, err := dbus.Connect(strings.TrimSpace(address))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

// TestLockBeforeSleep: the machine waits with its sleep until the device is
// locked, each time.
func TestLockBeforeSleep(t *testing.T) {
	connect := privateBus(t)
	manager, fake := connect(), fakeManager{make(chan inhibitor, 4)}
	if err := manager.Export(fake, loginPath, loginManager); err != nil {
		t.Fatal(err)
	}
	if _, err := manager.RequestName(loginName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	locked, done := make(chan struct{}, 4), make(chan error, 1)
	go func() {
		done <- lockBeforeSleep(ctx, connect(), func(context.Context) { locked <- struct{}{} })
	}()
	emit := func(sleeps bool) {
		if err := manager.Emit(loginPath, loginManager+"."+sleepMember, sleeps); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		wait := within(t, fake.waits)
		emit(true)
		within(t, locked)
		wait.released(t)
		emit(false)
	}
	within(t, fake.waits)
	cancel()
	if err := within(t, done); err != nil {
		t.Error(err)
	}
}

// within receives what has to come soon.
func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in ten seconds")
	}
	return v
}

// TestJumpLocks: a clock that runs as it should locks nothing.
func TestJumpLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := watchClock(ctx, slog.New(slog.DiscardHandler), func(context.Context) { t.Error("locked") })
		if err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	for by, want := range map[time.Duration]bool{0: false, clockTolerance: false, time.Minute: true, -time.Minute: true} {
		if got := jumped(log, by); got != want {
			t.Errorf("a jump by %v: %v", by, got)
		}
	}
}
