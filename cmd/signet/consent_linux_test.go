package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestConsentAttached is a person who attaches a terminal to a signet that runs
// without one: questions are answered there, PIN included, and while nobody is
// there they are refused.
func TestConsentAttached(t *testing.T) {
	dir := t.TempDir()
	signet, env := programs(t, dir)
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(filepath.Dir(signet), name), args...)
		cmd.Env, cmd.Dir = append(env, "SIGNET_STORE="+filepath.Join(dir, "dev"), "SOCKET="+filepath.Join(dir, "dev", "ctap.sock")), dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd
	}
	if out, err := command("signet", "init", "--root", "file", "--key-file", "key", "--no-pin", "--profile", "platform", "--copyable", "no").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := command("signet", "run", "--headless")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer run.Process.Kill()
	for !fileExists(filepath.Join(dir, "dev", "control.sock")) {
		time.Sleep(5 * time.Millisecond)
	}
	if out, err := command("ctap", "setpin", "493817").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantStatus := func(text string) {
		t.Helper()
		var out []byte
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if out, _ = command("signet", "status").CombinedOutput(); strings.Contains(string(out), text) {
				return
			}
		}
		t.Errorf("status does not say %q:\n%s", text, out)
	}
	if err := command("ctap", "register", "one.example", "alice").Run(); err == nil {
		t.Error("registered while nobody was there to ask")
	}
	wantStatus("NOBODY is there")

	person, tty := openTerminal(t)
	attached := command("signet", "consent")
	attached.Stdin, attached.Stdout, attached.Stderr = tty, tty, tty
	attached.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := attached.Start(); err != nil {
		t.Fatal(err)
	}
	person.await("Attached")
	wantStatus("asked on the terminal of signet consent")
	done := make(chan error, 1)
	register := func(pin string) {
		go func() {
			out, err := command("ctap", "register", "one.example", "alice").CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
		person.await("one.example")
		person.await("PIN (")
		person.settle()
		person.write(pin + "\n")
	}
	register("000000")
	person.await("Wrong PIN: 7 tries left")
	if err := <-done; err == nil {
		t.Error("a wrong PIN registered a passkey")
	}
	register("493817")
	if err := <-done; err != nil {
		t.Errorf("register: %v\n%s", err, person.text())
	}

	person.write("\x03")
	if err := attached.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, person.text())
	}
	wantStatus("NOBODY is there")
	if err := command("ctap", "login", "one.example").Run(); err == nil {
		t.Error("signed in after the terminal had left")
	}
}
