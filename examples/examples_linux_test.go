// Package examples runs what is shown to people who test sites with Signet: the
// examples in this folder and the clients, against sites and browsers that are
// real.
package examples

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// python is Debian's, which has Debian's modules.
const python = "/usr/bin/python3"

func TestJavaScriptClient(t *testing.T) {
	need(t, "node", program("node"))
	run(t, "../clients/js", "", "node", "--test", "--test-reporter=tap")
}

func TestPythonClient(t *testing.T) {
	need(t, "python", program(python))
	run(t, "../clients/python", "", python, "-B", "-W", "error", "-m", "unittest")
}

func TestNode(t *testing.T) {
	need(t, "node", program("node"), packages)
	run(t, "node", site(t), "node", "--test", "--test-reporter=tap")
}

func TestPlaywright(t *testing.T) {
	need(t, "browsers", program("node"), packages, program("/usr/bin/chromium"))
	run(t, "playwright", site(t), "node", "--test", "--test-reporter=tap")
}

func TestPuppeteerFirefox(t *testing.T) {
	need(t, "browsers", program("node"), packages, program("/usr/bin/firefox-esr"))
	run(t, "puppeteer-firefox", site(t), "node", "--test", "--test-reporter=tap")
}

func TestPytest(t *testing.T) {
	need(t, "python", module("pytest"))
	run(t, "pytest", site(t), python, pytest...)
}

func TestSelenium(t *testing.T) {
	need(t, "browsers", module("pytest"), module("selenium"), program("/usr/bin/chromium"), program("/usr/bin/chromedriver"))
	run(t, "selenium", site(t), python, pytest...)
}

// The examples fail where a site lacks the check that their fault is for.
func TestBrokenSite(t *testing.T) {
	t.Run("node", func(t *testing.T) {
		need(t, "node", program("node"), packages)
		refuse(t, "login.origin.port", "not ok 2 - a response from another port is refused", "node", "node", "--test", "--test-reporter=tap")
	})
	t.Run("playwright", func(t *testing.T) {
		need(t, "browsers", program("node"), packages, program("/usr/bin/chromium"))
		refuse(t, "login.origin.port", "actual: 'signed in'", "playwright", "node", "--test", "--test-reporter=tap")
	})
	t.Run("puppeteer", func(t *testing.T) {
		need(t, "browsers", program("node"), packages, program("/usr/bin/firefox-esr"))
		refuse(t, "login.signature", "actual: 'signed in'", "puppeteer-firefox", "node", "--test", "--test-reporter=tap")
	})
	t.Run("pytest", func(t *testing.T) {
		need(t, "python", module("pytest"))
		refuse(t, "login.origin.port", "FAILED test_passkeys.py::test_response_from_another_port", "pytest", python, pytest...)
	})
	t.Run("selenium", func(t *testing.T) {
		need(t, "browsers", module("pytest"), module("selenium"), program("/usr/bin/chromium"), program("/usr/bin/chromedriver"))
		refuse(t, "login.origin.port", `'signed in'.startswith`, "selenium", python, pytest...)
	})
}

// refuse runs an example on a site that lacks a check: it has to fail, and to say so.
func refuse(t *testing.T, lacks brokenrp.Check, says, folder, name string, args ...string) {
	t.Helper()
	out, err := try(t, folder, site(t, lacks), name, args...)
	if err == nil || !bytes.Contains(out, []byte(says)) {
		t.Errorf("%s on a site without %s: %v\n%s", folder, lacks, err, out)
	}
}

// pytest is how the module's plugin is found where it is not installed.
var pytest = []string{"-B", "-m", "pytest", "-q", "--color=no", "-p", "signet_testing.pytest_plugin", "-p", "no:cacheprovider"}

// A requirement tells what is missing; empty: nothing.
type requirement func() (missing string)

// need leaves a test out where something is missing, as of a tier.
func need(t *testing.T, tier string, all ...requirement) {
	t.Helper()
	for _, r := range all {
		switch missing := r(); {
		case missing == "":
		case os.Getenv("CI") == "true":
			t.Fatal(missing)
		default:
			t.Skip("tier " + tier + ": " + missing)
		}
	}
}

func program(name string) requirement {
	return func() string {
		if _, err := exec.LookPath(name); err != nil {
			return name + " is not installed"
		}
		return ""
	}
}

func module(name string) requirement {
	return func() string {
		if exec.Command(python, "-c", "import "+name).Run() != nil {
			return python + " has no module " + name
		}
		return ""
	}
}

func packages() string {
	if _, err := os.Stat("node_modules"); err != nil {
		return "`make deps` did not install the packages of examples"
	}
	return ""
}

// signet is the path of the program, built once.
var signet = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs(filepath.Join(build, "signet"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", path, "../cmd/signet")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return path, cmd.Run()
})

// build is the folder of what is built.
var build string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if build, err = os.MkdirTemp("", "signet-examples-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(build)
		return m.Run()
	}())
}

// site starts a relying party with a page, strict but for the checks left out,
// and gives its origin.
func site(t *testing.T, off ...brokenrp.Check) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://localhost:" + port
	rp, err := brokenrp.New(brokenrp.Config{RPID: "localhost", Origins: []string{origin}, Off: off})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = rp
	server.Start()
	t.Cleanup(server.Close)
	return origin
}

// run runs a test program in a folder; the test fails with it.
func run(t *testing.T, folder, site, name string, args ...string) {
	t.Helper()
	if out, err := try(t, folder, site, name, args...); err != nil {
		t.Errorf("%s %q in %s: %v\n%s", name, args, folder, err, out)
	}
}

func try(t *testing.T, folder, site, name string, args ...string) (out []byte, err error) {
	t.Helper()
	binary, err := signet()
	if err != nil {
		t.Fatalf("build signet: %v", err)
	}
	modules, err := filepath.Abs("../clients/python")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "SIGNET_BIN="+binary, "PYTHONPATH="+modules, "SITE="+site, "TMPDIR="+t.TempDir())
	// Its browsers and services end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.CombinedOutput()
}
