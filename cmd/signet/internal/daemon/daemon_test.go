package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newDaemon(t *testing.T) *Daemon {
	ready := make(chan struct{})
	d := &Daemon{
		Control: filepath.Join(t.TempDir(), "control.sock"),
		Status:  func(_ context.Context, s *Status) error { s.Version, s.Approve = "v1", "ask"; return nil },
		Ready:   func() error { close(ready); return nil },
		Log:     slog.New(slog.DiscardHandler),
	}
	t.Cleanup(func() {
		select {
		case <-ready:
		default:
			t.Error("never became ready")
		}
	})
	return d
}

func TestStatusOverControlSocket(t *testing.T) {
	d := newDaemon(t)
	d.Doors = []Door{{Name: "stream", Address: "/sock", Reach: "you", Serve: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}
	if _, err := ReadStatus(t.Context(), d.Control); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	started, done := make(chan struct{}), make(chan error)
	ready := d.Ready
	d.Ready = func() error { close(started); return ready() }
	go func() { done <- d.Run(ctx) }()
	<-started
	s, err := ReadStatus(t.Context(), d.Control)
	if err != nil {
		t.Fatal(err)
	}
	if s.PID != os.Getpid() || s.Version != "v1" || s.Approve != "ask" || len(s.Doors) != 1 || s.Doors[0].Address != "/sock" || s.Since.IsZero() {
		t.Errorf("status is %+v", s)
	}
	if fi, err := os.Stat(d.Control); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v, %v", fi, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v after a clean stop", err)
	}
	if _, err := ReadStatus(t.Context(), d.Control); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the stop: %v", err)
	}
}

// Another user's connection is closed, whatever the mode of the socket.
func TestControlTurnsOthersAway(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	letIn := make(chan bool, 1)
	go func() {
		conn, err := ownerListener{ln, os.Getuid() + 1}.Accept()
		if err == nil {
			conn.Close()
		}
		letIn <- err == nil
	}()
	if _, err := (Owner{Client{ln.Addr().String()}}).PIN(t.Context()); err == nil {
		t.Error("another user was answered")
	}
	ln.Close()
	if <-letIn {
		t.Error("another user was let in")
	}
}

// Whoever else listens on the control socket's path is told nothing.
func TestDialTrusts(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	seen := -1
	trust := func(yes bool) func(int) bool { return func(uid int) bool { seen = uid; return yes } }
	conn, err := dial(t.Context(), ln.Addr().String(), trust(true))
	if err != nil || seen != os.Getuid() {
		t.Fatalf("user %d, %v", seen, err)
	}
	conn.Close()
	if conn, err := dial(t.Context(), ln.Addr().String(), trust(false)); err == nil || conn != nil {
		t.Error("spoke to a user who is not trusted")
	}
	for uid, want := range map[int]bool{os.Getuid(): true, 0: true, os.Getuid() + 1: false, 65534: false} {
		if trusted(uid) != want {
			t.Errorf("user %d: %v", uid, !want)
		}
	}
}

func TestRunEndsWithABrokenDoor(t *testing.T) {
	d := newDaemon(t)
	broken := errors.New("broken")
	d.Doors = []Door{
		{Name: "good", Serve: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{Name: "bad", Serve: func(context.Context) error { return broken }},
	}
	if err := d.Run(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "door bad") {
		t.Errorf("Run = %v", err)
	}
}

func TestReadyLine(t *testing.T) {
	d := &Daemon{Control: "/c", Doors: []Door{{Name: "stream", Address: "/s"}, {Name: "tcp", Address: "127.0.0.1:1"}}}
	var b bytes.Buffer
	if err := d.WriteReady(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, `{"ready":true,"socket":"/s","tcp":"127.0.0.1:1","control":"/c","pid":`) || strings.Count(got, "\n") != 1 || strings.Contains(got, "waiting") {
		t.Errorf("ready line is %q", got)
	}
}

// TestWaitingDoor: a door that nobody can come through yet is not told of as if
// it were open.
func TestWaitingDoor(t *testing.T) {
	waiting := "waiting for vpcd"
	d := &Daemon{Doors: []Door{{Name: "stream"}, {Name: "pcsc", Look: func(context.Context) string { return waiting }}}}
	var b bytes.Buffer
	if err := d.WriteReady(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, `"waiting":{"pcsc":"waiting for vpcd"}`) {
		t.Errorf("ready line is %q", got)
	}
	for _, waiting = range []string{"waiting for vpcd", ""} {
		if doors := d.Look(t.Context()); doors[0].Waiting != "" || doors[1].Waiting != waiting {
			t.Errorf("doors are %+v, want %q", doors, waiting)
		}
	}
}

func TestReportJump(t *testing.T) {
	for by, want := range map[time.Duration]string{
		-time.Hour:       "jumped back",
		time.Hour:        "jumped ahead",
		time.Millisecond: "",
	} {
		var b bytes.Buffer
		jumped(slog.New(slog.NewTextHandler(&b, nil)), by)
		if got := b.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("a jump by %v logs %q", by, got)
		}
	}
}
