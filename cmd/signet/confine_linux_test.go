package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// confinedMain is "confined PROGRAM [args]": it runs a program that files' modes
// are meant for, even if the tests run as root.
func confinedMain() int {
	path, err := exec.LookPath(os.Args[1])
	if err == nil && os.Geteuid() == 0 {
		runtime.LockOSThread() // capabilities are a thread's, and exec keeps this one's
		err = errors.Join(
			unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_DAC_OVERRIDE, 0, 0, 0),
			unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_DAC_READ_SEARCH, 0, 0, 0))
	}
	if err == nil {
		err = unix.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "confined:", err)
	return 1
}

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
