//go:build !linux

package stream

import (
	"net"
	"syscall"

	"github.com/seed-77d61853/signet/ctap"
)

// errRefused tells that nobody listens on a socket.
const errRefused = syscall.ECONNREFUSED

// restrict does nothing: here the socket's folder and the mode set after bind
// keep others out.
func restrict(_, _ string, _ syscall.RawConn) error { return nil }

// peerOf tells nothing: this system does not say who opened the connection.
func peerOf(*net.UnixConn) (*ctap.Peer, error) { return nil, nil }
