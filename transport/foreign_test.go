// Package transport_test drives devices behind their doors with clients that
// others wrote, Debian's python3-fido2 0.9 and libfido2 1.12, through programs
// of ours in testdata/foreign. Such a program runs one scenario; every step
// that it reports becomes a subtest. What these versions do not know of CTAP
// 2.3 (the persistent token, hmac-secret-mc, the largeBlob extension) is left
// to the behaviour tests of the authenticator.
//
// Where a client is not installed its tests are left out as tier "foreign";
// testdata/foreign/packages.txt lists what they need.
package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const foreign = "../testdata/foreign"

// python is Debian's own: the packages are installed for no other.
const python = "/usr/bin/python3"

func TestPythonFIDO2OverStream(t *testing.T) {
	needPython(t, "fido2")
	client := []string{python, "-B", foreign + "/python/main.py"}
	for _, scenario := range scenarios(t, client, "stream") {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			drive(t, startDevice(t, streamDoor(t, "stream:"), t.TempDir()), client, scenario)
		})
	}
}

func TestLibFIDO2OverStream(t *testing.T) {
	client := []string{buildLibFIDO2(t)}
	for _, scenario := range scenarios(t, client) {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			drive(t, startDevice(t, streamDoor(t, ""), t.TempDir()), client, scenario)
		})
	}
}

// leaveOut skips a test that this machine cannot run.
func leaveOut(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Skipf("tier foreign: "+format, args...)
}

// needPython leaves the test out unless Debian's Python has the modules, and
// the fido2 that the scenarios are written for.
func needPython(t *testing.T, modules ...string) {
	t.Helper()
	program := "import " + strings.Join(modules, ", ") + "; print(fido2.__version__)"
	version, err := exec.Command(python, "-c", program).Output()
	if err != nil {
		leaveOut(t, "%s has no modules %s", python, strings.Join(modules, " and "))
	}
	if !bytes.HasPrefix(version, []byte("0.9.")) {
		leaveOut(t, "python3-fido2 is %s, not 0.9", bytes.TrimSpace(version))
	}
}

// buildLibFIDO2 compiles the client of libfido2 and gives its path.
func buildLibFIDO2(t *testing.T) string {
	t.Helper()
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "libfido2").Output()
	if err != nil {
		leaveOut(t, "pkg-config finds no libfido2")
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		leaveOut(t, "no C compiler")
	}
	sources, err := filepath.Glob(foreign + "/libfido2/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	program := filepath.Join(t.TempDir(), "libfido2")
	args := append([]string{"-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", program}, sources...)
	if out, err := exec.Command(cc, append(args, strings.Fields(string(flags))...)...).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return program
}

// scenarios asks a client for the names of what it can do over a kind of door.
func scenarios(t *testing.T, client []string, kind ...string) []string {
	t.Helper()
	args := slices.Concat(client[1:], []string{"list"}, kind)
	out, err := exec.Command(client[0], args...).Output()
	if err != nil {
		t.Fatalf("list scenarios: %v", err)
	}
	return strings.Fields(string(out))
}

// drive runs one scenario of a client on a device.
func drive(t *testing.T, dev *device, client []string, scenario string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := slices.Concat(client[1:], []string{dev.door.address, scenario})
	cmd := exec.CommandContext(ctx, client[0], args...)
	cmd.Env = append(os.Environ(), dev.door.env...)
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	answers, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	steps := follow(t, dev, lines, answers)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after %d steps: %v\n%s", steps, err, stderr.Bytes())
	} else if steps == 0 {
		t.Error("the client took no step")
	}
}

// follow reports a client's steps and fulfils its wishes until it has no more;
// it returns the number of steps.
func follow(t *testing.T, dev *device, lines io.Reader, answers io.Writer) (steps int) {
	t.Helper()
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		verb, rest, _ := strings.Cut(scanner.Text(), " ")
		switch verb {
		case "ok":
			steps++
			t.Run(rest, func(*testing.T) {})
		case "do":
			answer := "done\n"
			if err := dev.do(rest); err != nil {
				t.Errorf("%s: %v", rest, err)
				answer = "failed\n"
			}
			if _, err := io.WriteString(answers, answer); err != nil {
				t.Errorf("answer %q: %v", rest, err)
			}
		default:
			t.Log(scanner.Text())
		}
	}
	return steps
}
