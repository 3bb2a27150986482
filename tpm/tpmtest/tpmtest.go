// Package tpmtest runs software TPMs for tests: swtpm as a child process, whose
// power can be cut.
package tpmtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2/transport"
)

// A Chip is a software TPM with its own state.
type Chip struct {
	t      testing.TB
	dir    string
	swtpm  *exec.Cmd
	output bytes.Buffer
}

// New starts a chip that is as new. It skips the test, as of tier tpm, where
// swtpm is not installed.
func New(t testing.TB) *Chip {
	t.Helper()
	c := off(t)
	c.Start()
	return c
}

func off(t testing.TB) *Chip {
	t.Helper()
	if _, err := exec.LookPath("swtpm"); err != nil {
		t.Skip("tier tpm: no swtpm")
	}
	// The path of a unix socket is short, those of t.TempDir are not.
	dir, err := os.MkdirTemp("", "tpm")
	if err != nil {
		t.Fatal(err)
	}
	c := &Chip{t: t, dir: dir}
	t.Cleanup(func() {
		c.Cut()
		os.RemoveAll(dir)
	})
	return c
}

// Clone cuts the chip's power, and starts another one with a copy of its state.
func (c *Chip) Clone(t testing.TB) *Chip {
	t.Helper()
	c.Cut()
	clone := off(t)
	os.Remove(c.Socket())
	if err := os.CopyFS(clone.dir, os.DirFS(c.dir)); err != nil {
		t.Fatal(err)
	}
	clone.Start()
	return clone
}

// Socket is the path of the socket that takes commands.
func (c *Chip) Socket() string { return filepath.Join(c.dir, "s") }

// NV is what the chip keeps without power, which changes with each write of its
// NV memory; empty before the first.
func (c *Chip) NV() []byte {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "tpm2-00.permall"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	return b
}

// Open connects to the chip. Each command has a connection of its own, for
// swtpm serves one at a time, and tests have several parties talk to it.
func (c *Chip) Open() (transport.TPMCloser, error) {
	if _, err := os.Stat(c.Socket()); err != nil {
		return nil, fmt.Errorf("connect to swtpm: %w", err)
	}
	return &line{socket: c.Socket()}, nil
}

type line struct{ socket string }

// Send implements transport.TPM.
func (l *line) Send(command []byte) ([]byte, error) {
	conn, err := net.Dial("unix", l.socket)
	if err != nil {
		return nil, fmt.Errorf("connect to swtpm: %w", err)
	}
	defer conn.Close()
	return transport.FromReadWriter(conn).Send(command)
}

// Close implements io.Closer.
func (l *line) Close() error { return nil }

// Start gives the chip power.
func (c *Chip) Start() {
	c.t.Helper()
	os.Remove(c.Socket())
	c.swtpm = exec.Command("swtpm", "socket", "--tpm2",
		"--tpmstate", "dir="+c.dir,
		"--server", "type=unixio,path="+c.Socket(),
		"--flags", "not-need-init,startup-clear")
	c.output.Reset()
	c.swtpm.Stdout, c.swtpm.Stderr = &c.output, &c.output
	if err := c.swtpm.Start(); err != nil {
		c.t.Fatalf("start swtpm: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if conn, err := net.Dial("unix", c.Socket()); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			c.Cut()
			c.t.Fatalf("swtpm does not answer: %s", c.output.Bytes())
		}
	}
}

// Cut takes the chip's power away, in the middle of whatever it does.
func (c *Chip) Cut() {
	if c.swtpm != nil {
		c.swtpm.Process.Kill()
		c.swtpm.Wait()
		c.swtpm = nil
	}
}

// Restart cuts the power and gives it back.
func (c *Chip) Restart() {
	c.t.Helper()
	c.Cut()
	c.Start()
}
