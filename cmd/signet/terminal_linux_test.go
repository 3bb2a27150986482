package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// person sits at a terminal: a pseudo-terminal whose other end a program has.
type person struct {
	t      *testing.T
	master *os.File

	mu    sync.Mutex
	shown bytes.Buffer
	read  int // how much of shown has been awaited
}

// openTerminal returns a person and the program's end of their terminal.
func openTerminal(t *testing.T) (*person, *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	cerr := conn.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err == nil {
			err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		}
	})
	if cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, master: master}
	t.Cleanup(func() { master.Close(); slave.Close() })
	go p.look()
	return p, slave
}

func (p *person) look() {
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.shown.Write(b[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// await waits until text is shown, behind what was awaited before.
func (p *person) await(text string) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		shown := p.text()
		if i := strings.Index(shown[p.read:], text); i >= 0 {
			p.read += i + len(text)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.t.Fatalf("%q is not shown in:\n%s", text, p.text()[p.read:])
}

func (p *person) write(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// TestTerminalOfRun is a person at the terminal of signet run: the first run
// makes the device, questions are answered, and typing ahead does not agree.
func TestTerminalOfRun(t *testing.T) {
	person, tty := openTerminal(t)
	dir := t.TempDir()
	store := filepath.Join(dir, "dev")
	signet, env := programs(t, dir)
	run := exec.Command(signet, "run", "--store", store)
	run.Env = env
	run.Stdin, run.Stdout, run.Stderr = tty, tty, tty
	run.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer run.Process.Kill()

	for _, step := range []struct{ await, write string }{
		{"What shall keep the keys", ""},
		{"Which one? [1-2]", "1\n"},
		{"What kind of device", ""},
		{"Which one? [1-2]", "2\n"},
		{"be copied", ""},
		{"Which one? [1-2]", "yes\n"},
		{"New passphrase", "correct horse battery staple\n"},
		{"The same again", "correct horse battery staple\n"},
		{"New PIN", "493817\n"},
		{"The same again", "493817\n"},
		{"The device is made", ""},
		{"Signet runs", ""},
	} {
		person.await(step.await)
		person.write(step.write)
	}
	person.await("with Ctrl-C")
	if shown := person.text(); strings.Contains(shown, "Passphrase:") {
		t.Errorf("the first run asks for the passphrase that was just chosen:\n%s", shown)
	}

	client := func(args ...string) <-chan error {
		cmd := exec.Command(filepath.Join(filepath.Dir(signet), "ctap"), args...)
		cmd.Env, cmd.Dir = append(env, "SOCKET="+filepath.Join(store, "ctap.sock")), dir
		done := make(chan error, 1)
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			t.Logf("ctap %v: %v", args, err)
			done <- err
		}()
		return done
	}

	// The platform device asks for the PIN itself.
	done := client("register", "xn--bcher-kva.example", "alice")
	person.await("xn--bcher-kva.example")
	person.await("let the program below register there")
	person.await("asked by")
	person.await("PIN (8 tries left")
	person.settle()
	person.write("000000\n")
	person.await("Wrong PIN: 7 tries left")
	if err := <-done; err == nil {
		t.Error("a wrong PIN registered a passkey")
	}
	done = client("register", "xn--bcher-kva.example", "alice")
	person.await("PIN (7 tries left")
	person.settle()
	person.write("493817\n")
	if err := <-done; err != nil {
		t.Errorf("register: %v\n%s", err, person.text())
	}

	// A client that hangs up takes its question away.
	cmd := exec.Command(filepath.Join(filepath.Dir(signet), "ctap"), "login", "xn--bcher-kva.example")
	cmd.Env, cmd.Dir = append(env, "SOCKET="+filepath.Join(store, "ctap.sock")), dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	person.await("let the program below sign in there")
	cmd.Process.Kill()
	cmd.Wait()
	person.await("withdrawn")

	// An empty line refuses.
	done = client("login", "xn--bcher-kva.example")
	person.await("PIN (")
	person.settle()
	person.write("\n")
	person.await("Refused")
	if err := <-done; err == nil {
		t.Error("a refused sign-in went through")
	}

	// Ctrl-C stops the device, amid a question too, and leaves the terminal
	// as it was.
	done = client("login", "xn--bcher-kva.example")
	person.await("PIN (")
	person.write("\x03")
	if err := run.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, person.text())
	}
	<-done
	if mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err != nil || mode.Lflag&unix.ECHO == 0 || mode.Lflag&unix.ICANON == 0 {
		t.Errorf("the terminal's mode is left changed: %+v, %v", mode, err)
	}
	if shown := person.text(); strings.Contains(shown, "493817") || strings.Contains(shown, "correct horse") {
		t.Errorf("a secret was echoed:\n%s", shown)
	}
}

// settle waits until keys count. Being late does no harm.
func (p *person) settle() { time.Sleep(700 * time.Millisecond) }

// programs makes signet and ctap of this test binary, and an environment for
// them.
func programs(t *testing.T, dir string) (signet string, env []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, name := range []string{"signet", "ctap", "cut"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_RUNTIME_DIR=")
	return filepath.Join(bin, "signet"), env
}
