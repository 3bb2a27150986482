package pcsc

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck has the next segment acknowledged at once. vpcd sends a message's
// length and body apart and waits for the acknowledgement in between, which
// costs 40 ms otherwise. The setting does not last. A failure costs only time.
func quickAck(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
}
