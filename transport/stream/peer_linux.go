package stream

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-77d61853/signet/ctap"
)

// errRefused tells that nobody listens on a socket.
const errRefused = syscall.ECONNREFUSED

// restrict sets the mode that bind will give the socket's file, so that there is
// no moment at which others could connect.
func restrict(_, _ string, c syscall.RawConn) error {
	var err error
	if ctlErr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// peerOf tells who opened the connection.
func peerOf(conn *net.UnixConn) (*ctap.Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	ctlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if ctlErr != nil {
		return nil, ctlErr
	}
	if err != nil {
		return nil, err
	}
	return &ctap.Peer{UID: int(cred.Uid), PID: int(cred.Pid), Program: programOf(int(cred.Pid))}, nil
}

// programOf names a process's program, or "" where it has gone or is hidden.
func programOf(pid int) string {
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
		return filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(comm))
}
