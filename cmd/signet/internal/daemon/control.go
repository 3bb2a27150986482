package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrNotRunning tells that no daemon listens on a control socket.
var ErrNotRunning = errors.New("no signet runs on this store")

const statusPath = "/v1/status"

// listenControl opens the control socket, in place of one that a crash left:
// the store's lock, which the caller holds, tells that nobody uses it.
func listenControl(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ownerListener{ln, os.Getuid()}, nil
}

// ownerListener turns away everybody but one user, the owner of this process: the
// mode of a socket is not honoured on every system.
type ownerListener struct {
	net.Listener
	uid int
}

func (l ownerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn.(*net.UnixConn))
		if err == nil && uid == l.uid {
			return conn, nil
		}
		conn.Close()
	}
}

// dial connects to the daemon behind a control socket, if trust takes the user
// that it runs as: whoever else listens there is told nothing. ErrNotRunning
// where nobody does.
func dial(ctx context.Context, control string, trust func(uid int) bool) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", control)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	uid, err := peerUID(conn.(*net.UnixConn))
	if err == nil && !trust(uid) {
		err = fmt.Errorf("%s is not the socket of a signet of yours, but of user %d", control, uid)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// trusted tells whether a user may hear what the owner of this process has to
// say.
func trusted(uid int) bool { return uid == os.Getuid() || uid == 0 }

// maxCalls bounds the owner's calls under way.
const maxCalls = 8

func (d *Daemon) serveControl(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusPath, d.handleStatus)
	// The server forgets connections that leave HTTP: those under way are
	// awaited here, and no more let in.
	var calls sync.RWMutex
	defer calls.Lock()
	underWay := make(chan struct{}, maxCalls)
	mux.HandleFunc("POST "+ownerPath, func(w http.ResponseWriter, r *http.Request) {
		if !calls.TryRLock() {
			return
		}
		defer calls.RUnlock()
		select {
		case underWay <- struct{}{}:
			defer func() { <-underWay }()
			d.handleOwner(ctx, w, r)
		default:
			http.Error(w, "too many calls are under way", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST "+consentPath, func(w http.ResponseWriter, r *http.Request) {
		if calls.TryRLock() {
			defer calls.RUnlock()
			d.handleConsent(ctx, w, r)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (d *Daemon) handleStatus(w http.ResponseWriter, r *http.Request) {
	s := Status{PID: os.Getpid(), Since: d.since, Doors: d.Look(r.Context())}
	if err := d.Status(r.Context(), &s); err != nil {
		d.Log.Error("status failed", "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(s); err != nil {
		d.Log.Debug("status was not delivered", "error", err)
	}
}

// ReadStatus asks the daemon behind a control socket what it does:
// ErrNotRunning where there is none.
func ReadStatus(ctx context.Context, control string) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, control, trusted)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://signet"+statusPath, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	switch {
	case errors.Is(err, ErrNotRunning):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the status: the daemon answered %s", resp.Status)
	}
	s := new(Status)
	if err := json.NewDecoder(resp.Body).Decode(s); err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	return s, nil
}
