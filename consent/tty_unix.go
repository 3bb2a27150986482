//go:build unix

package consent

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ttyFile is a terminal that is a file.
type ttyFile struct{ *os.File }

// OpenTerminal opens the terminal that controls this process, if it has one.
func OpenTerminal() (*Terminal, error) {
	// Opened anew, it is pollable without making somebody else's standard
	// input so.
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	return &Terminal{tty: ttyFile{f}}, nil
}

// hush has keys arrive one by one and unechoed until restore is called; flush
// drops those that were typed before. Interrupt keys keep their meaning.
func (t ttyFile) hush(flush bool) (restore func(), err error) {
	saved, err := t.termios(nil, false)
	if err != nil {
		return nil, fmt.Errorf("read the terminal's mode: %w", err)
	}
	mode := *saved
	mode.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if _, err := t.termios(&mode, flush); err != nil {
		return nil, fmt.Errorf("set the terminal's mode: %w", err)
	}
	return func() { t.termios(saved, false) }, nil
}

// termios sets the terminal's mode, or returns it where mode is nil. It goes
// through SyscallConn because Fd would make the file block, and reads with it
// deaf to deadlines.
func (t ttyFile) termios(mode *unix.Termios, flush bool) (got *unix.Termios, err error) {
	conn, err := t.SyscallConn()
	if err != nil {
		return nil, err
	}
	cerr := conn.Control(func(fd uintptr) {
		switch {
		case mode == nil:
			got, err = unix.IoctlGetTermios(int(fd), ioctlGet)
		case flush:
			err = unix.IoctlSetTermios(int(fd), ioctlSetFlush, mode)
		default:
			err = unix.IoctlSetTermios(int(fd), ioctlSet, mode)
		}
	})
	if cerr != nil {
		return nil, cerr
	}
	return got, err
}
