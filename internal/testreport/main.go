// Command testreport runs go test and tells what a reader wants to know of it:
// failures in full, a line for each package, the ten slowest tests, the tiers
// that were left out and why, and the counts.
//
//	go run ./internal/testreport [-left-out "NAME: why"] -- [go test's arguments]
//
// A test that cannot run on this machine skips with "tier NAME: why". With
// CI=true in the environment any skipped test is a failure, and so is a tier
// that the caller left out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
)

func main() {
	leftOut := flag.String("left-out", "", "a tier that the caller left out, as `NAME: why`")
	flag.Parse()
	ok, err := run(flag.Args(), *leftOut, os.Getenv("CI") == "true")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(args []string, leftOut string, strict bool) (ok bool, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	r := newReport(os.Stdout)
	if leftOut != "" {
		r.leaveOut(leftOut)
	}
	readErr := r.read(stdout)
	waitErr := cmd.Wait()
	ok = r.close(strict)
	// go test exits with 1 where the report has already said what failed.
	if exit := new(exec.ExitError); errors.As(waitErr, &exit) && !ok {
		waitErr = nil
	}
	return ok, errors.Join(readErr, waitErr)
}
