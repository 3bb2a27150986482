//go:build unix

package file

import (
	"io/fs"
	"syscall"
)

// noFollow opens no link.
const noFollow = syscall.O_NOFOLLOW

// owner returns the user that a file belongs to.
func owner(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
