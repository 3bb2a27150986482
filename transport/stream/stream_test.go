package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
)

// An echo answers a request with itself and remembers its sessions' peers.
type echo struct {
	peers  chan *ctap.Peer
	closed chan *ctap.Session
}

func newEcho() *echo {
	return &echo{make(chan *ctap.Peer, 10), make(chan *ctap.Session, 10)}
}

func (e *echo) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	e.peers <- s.Peer
	if req[0] == 0xFF {
		<-ctx.Done()
	}
	return append([]byte{0}, req...)
}

func (e *echo) ServeU2F(context.Context, *ctap.Session, []byte) []byte { return []byte{0x90, 0} }
func (e *echo) Versions() []string                                     { return []string{"FIDO_2_0", "U2F_V2"} }
func (e *echo) Closed(s *ctap.Session)                                 { e.closed <- s }

// serve attends a door until the test ends.
func serve(t *testing.T, l *Listener, h ctap.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx, h, hid.Options{}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	})
}

func exchange(t *testing.T, network, address string) {
	t.Helper()
	conn, err := Dial(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := hid.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req := bytes.Repeat([]byte{4}, 2000)
	resp, err := c.CTAP(t.Context(), req)
	if err != nil || !bytes.Equal(resp[1:], req) {
		t.Errorf("CTAP: %x, %v", resp, err)
	}
}

func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet", "hid.sock")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if l.Addr() != path {
		t.Errorf("Addr: %q", l.Addr())
	}
	for name, mode := range map[string]fs.FileMode{path: fs.ModeSocket | 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		if info, err := os.Lstat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	e := newEcho()
	serve(t, l, e)
	exchange(t, "unix", path)
	peer := <-e.peers
	if runtime.GOOS == "linux" && (peer == nil || peer.PID != os.Getpid() || peer.UID != os.Getuid() || !strings.HasSuffix(peer.Program, ".test")) {
		t.Errorf("peer %+v", peer)
	}
	if s := <-e.closed; s.Transport != "usb" || s.MaxMsgSize != ctap.MaxHIDMsgSize {
		t.Errorf("session %+v", s)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second door: %v", err)
	}
	exchange(t, "unix", path)
}

// TestSocketsPlace: what may lie at the socket's path and what may not.
func TestSocketsPlace(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := ListenUnix(stale)
	if err != nil {
		t.Fatalf("stale socket: %v", err)
	}
	l.Close()
	if _, err := os.Lstat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Close leaves the socket: %v", err)
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir, "", "@abstract", filepath.Join(dir, strings.Repeat("x", 200))} {
		if l, err := ListenUnix(path); err == nil {
			l.Close()
			t.Errorf("ListenUnix(%q) succeeds", path)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestAdmit(t *testing.T) {
	for _, tt := range []struct {
		peer *ctap.Peer
		uid  int
		ok   bool
	}{
		{&ctap.Peer{UID: 1000}, 1000, true},
		{&ctap.Peer{UID: 1001}, 1000, false},
		{&ctap.Peer{UID: 0}, 1000, false},
		{&ctap.Peer{UID: 1000}, 0, false},
		{nil, 1000, true},
	} {
		if err := admit(tt.peer, tt.uid); (err == nil) != tt.ok || err != nil && !errors.Is(err, errTurnedAway) {
			t.Errorf("admit(%+v, %d): %v", tt.peer, tt.uid, err)
		}
	}
}

func TestTCP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		l, err := ListenTCP(address)
		if err != nil {
			if address == "[::1]:0" {
				continue // no IPv6 here
			}
			t.Fatal(err)
		}
		e := newEcho()
		serve(t, l, e)
		exchange(t, "tcp", l.Addr())
		if peer := <-e.peers; peer != nil {
			t.Errorf("peer %+v", peer)
		}
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		if l, err := ListenTCP(address); err == nil {
			l.Close()
			t.Errorf("ListenTCP(%q) succeeds", address)
		}
	}
}

// TestBrowser: what a web page can send to a loopback port opens nothing.
func TestBrowser(t *testing.T) {
	l, err := ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	l.Log = slog.New(slog.NewTextHandler(&log, nil))
	conn := func() net.Conn {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Serve(ctx, newEcho(), hid.Options{}) }()
		defer func() {
			cancel()
			<-done
		}()
		conn, err := net.Dial("tcp", l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		head := "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		head += "X: " + strings.Repeat("x", 128-len(head)-5) + "\r\n"
		init := hid.Message{Channel: hid.Broadcast, Command: hid.CommandInit, Data: []byte("12345678")}
		body := []byte(head)
		for r := range init.Reports() {
			body = append(body, r[:]...)
		}
		conn.Write(body)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if got, err := io.ReadAll(conn); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the device answers %x, %v", got, err)
		}
		return conn
	}()
	conn.Close()
	if !strings.Contains(log.String(), "another protocol") {
		t.Errorf("log: %q", log.String())
	}
}

// TestFragments: reports come whole, however the stream was cut.
func TestFragments(t *testing.T) {
	a, b := net.Pipe()
	conn := NewConn(a)
	sent := make([]byte, 2*hid.ReportSize)
	for i := range sent {
		sent[i] = byte(i)
	}
	go func() {
		for _, n := range []int{1, 62, 2, 63} {
			b.Write(sent[:n])
			sent = sent[n:]
		}
		b.Write([]byte{1, 2, 3})
		b.Close()
	}()
	var p [100]byte
	for i := range 2 {
		if n, err := conn.Read(p[:]); n != hid.ReportSize || err != nil || p[0] != byte(64*i) || p[63] != byte(64*i+63) {
			t.Fatalf("report %d: %d bytes, %v: %x", i, n, err, p[:n])
		}
	}
	if _, err := conn.Read(p[:]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Read amid a report: %v", err)
	}
	if _, err := conn.Read(p[:63]); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("Read into 63 bytes: %v", err)
	}
}

// TestHangUp: a client that goes, and a door that shuts, end the request.
func TestHangUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	e := newEcho()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Serve(ctx, e, hid.Options{}) }()
	for _, end := range []func(*hid.Channel){
		func(c *hid.Channel) { c.Close() },
		func(*hid.Channel) { cancel() },
	} {
		conn, err := Dial(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := hid.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			_, err := c.CTAP(context.Background(), []byte{0xFF})
			failed <- err
		}()
		<-e.peers
		end(c)
		<-e.closed
		if err := <-failed; err == nil {
			t.Error("a request survives its connection")
		}
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
}
