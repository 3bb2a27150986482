//go:build unix && !linux

package consent

import "golang.org/x/sys/unix"

const (
	ioctlGet      = unix.TIOCGETA
	ioctlSet      = unix.TIOCSETAW
	ioctlSetFlush = unix.TIOCSETAF
)
