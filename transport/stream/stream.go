// Package stream is the door for programs that speak CTAPHID without a HID
// device: complete 64-byte reports, one after the other in both directions, over
// a unix socket or loopback TCP. Each connection is a device of its own.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
)

// maxConns bounds the connections served at a time; others wait.
const maxConns = 128

var errTurnedAway = errors.New("client turned away")

// ErrNotLoopback tells that ListenTCP was asked for a door to other machines.
var ErrNotLoopback = errors.New("not a loopback address, and other machines must not reach the device")

// A Listener is a door that is open but not yet attended; Serve attends it.
type Listener struct {
	// Log hears of clients that were turned away and of connections that
	// failed; nil is silent.
	Log *slog.Logger

	listener net.Listener
	screen   func(net.Conn) (io.ReadWriteCloser, *ctap.Peer, error)
}

// ListenUnix opens a socket as Socket does, whose clients' user IDs are compared
// with our own where the system tells them (Linux).
func ListenUnix(path string) (*Listener, error) {
	l, err := Socket(context.Background(), path)
	if err != nil {
		return nil, err
	}
	return &Listener{listener: l, screen: sameUser}, nil
}

// Socket opens a unix socket that only this process's user can connect to: its mode
// is 0600. It makes path's folder (mode 0700) where there is none, and takes the
// place of a socket on which nobody listens; any other file at path is an error.
func Socket(ctx context.Context, path string) (net.Listener, error) {
	if path == "" || strings.HasPrefix(path, "@") {
		return nil, fmt.Errorf("listen on %q: a socket needs a place in the file system", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the socket's folder: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: restrict}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// removeStale makes room for a socket at path.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way: it is not a socket", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fmt.Errorf("%s is in use: another program answers there", path)
	} else if !errors.Is(err, errRefused) {
		return fmt.Errorf("%s is in the way: %w", path, err)
	}
	return os.Remove(path)
}

// sameUser turns away clients of other users.
func sameUser(conn net.Conn) (io.ReadWriteCloser, *ctap.Peer, error) {
	peer, err := peerOf(conn.(*net.UnixConn))
	if err != nil {
		return nil, nil, fmt.Errorf("identify client: %w", err)
	}
	if err := admit(peer, os.Geteuid()); err != nil {
		return nil, nil, err
	}
	return NewConn(conn), peer, nil
}

func admit(peer *ctap.Peer, uid int) error {
	if peer != nil && peer.UID != uid {
		return fmt.Errorf("%w: %s (process %d) runs as user %d", errTurnedAway, peer.Program, peer.PID, peer.UID)
	}
	return nil
}

// ListenTCP opens a TCP port of the loopback interface, which every user of the
// machine can reach. address is host:port; a host that is not loopback is
// ErrNotLoopback.
func ListenTCP(address string) (*Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !a.IP.IsLoopback() {
		return nil, fmt.Errorf("listen on %s: %w", address, ErrNotLoopback)
	}
	l, err := net.ListenTCP("tcp", a)
	if err != nil {
		return nil, err
	}
	return &Listener{listener: l, screen: notBrowser}, nil
}

// notBrowser wants a connection to start with an INIT on the broadcast channel.
// A web page can have the browser post any bytes to a loopback port, behind an
// HTTP request line.
func notBrowser(conn net.Conn) (io.ReadWriteCloser, *ctap.Peer, error) {
	return &greeted{conn: NewConn(conn)}, nil, nil
}

type greeted struct {
	conn  io.ReadWriteCloser
	begun bool
}

func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.conn.Read(p)
	if err == nil && !g.begun {
		r := hid.Report(p[:n])
		if r.Channel() != hid.Broadcast || !r.Initial() || r.Command() != hid.CommandInit {
			return 0, fmt.Errorf("%w: it does not start with INIT, so it speaks another protocol", errTurnedAway)
		}
		g.begun = true
	}
	return n, err
}

func (g *greeted) Write(p []byte) (int, error) { return g.conn.Write(p) }
func (g *greeted) Close() error                { return g.conn.Close() }

// Addr is where the door is: a socket's path, or host:port.
func (l *Listener) Addr() string { return l.listener.Addr().String() }

// Close shuts the door and removes its socket. Serve does so at its end.
func (l *Listener) Close() error { return l.listener.Close() }

// Serve serves h to each client until ctx ends; it returns ctx's error once
// all connections are closed, or the listener's error. opts.Peer is set for
// each client of a unix socket.
func (l *Listener) Serve(ctx context.Context, h ctap.Handler, opts hid.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer l.Close()
	defer stop()

	slots := make(chan struct{}, maxConns)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		conn, err := l.accept(ctx)
		if err != nil {
			return err
		}
		serving.Go(func() {
			defer func() { <-slots }()
			l.report(ctx, l.serveConn(ctx, conn, h, opts))
		})
	}
}

// accept waits for a client. It waits on where the process has run out of file
// descriptors, and the like.
func (l *Listener) accept(ctx context.Context) (net.Conn, error) {
	for {
		conn, err := l.listener.Accept()
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return nil, err
		}
		if l.Log != nil {
			l.Log.Warn("stream client not accepted", "door", l.Addr(), "error", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// report logs how a connection ended, where that was not in peace.
func (l *Listener) report(ctx context.Context, err error) {
	switch {
	case err == nil || l.Log == nil:
	case errors.Is(err, errTurnedAway):
		l.Log.Warn("stream client refused", "door", l.Addr(), "error", err)
	case ctx.Err() == nil:
		l.Log.Debug("stream client lost", "door", l.Addr(), "error", err)
	}
}

func (l *Listener) serveConn(ctx context.Context, conn net.Conn, h ctap.Handler, opts hid.Options) error {
	reports, peer, err := l.screen(conn)
	if err != nil {
		conn.Close()
		return err
	}
	opts.Peer = peer
	return hid.Serve(ctx, reports, h, opts)
}
