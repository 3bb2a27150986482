package consent

import "golang.org/x/sys/unix"

const (
	ioctlGet      = unix.TCGETS
	ioctlSet      = unix.TCSETSW
	ioctlSetFlush = unix.TCSETSF
)
