//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openToOthers tells how a file is open to others than this user, and what to do;
// empty where it is not.
func openToOthers(path string, info fs.FileInfo) (open, fix string) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() && s.Uid != 0 {
		return fmt.Sprintf("belongs to user %d", s.Uid), fmt.Sprintf("as root: chown %d %s", os.Geteuid(), path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Sprintf("mode %04o lets others in", mode), "chmod go= " + path
	}
	return "", ""
}
