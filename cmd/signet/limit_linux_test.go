package main

import (
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cmdLimit is "limit BYTES|none": from now on no file of the running daemon
// grows beyond BYTES, as on a disk that is full.
func cmdLimit(ts *testscript.TestScript, _ bool, args []string) {
	limit := uint64(unix.RLIM_INFINITY)
	if args[0] != "none" {
		n, err := strconv.ParseUint(args[0], 10, 64)
		ts.Check(err)
		limit = n
	}
	var old unix.Rlimit
	pid := daemonOf(ts).cmd.Process.Pid
	ts.Check(unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &old))
	ts.Check(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: old.Max}, nil))
}
