package main

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// moveRounds is how often TestMoveKill takes the power away.
const moveRounds = 6

// TestMoveKill kills signet move with kill -9 at random moments. Whatever the
// moment: the device starts, on the one root or on the other, and its passkey
// works.
func TestMoveKill(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		testMoveKill(t, func(*testing.T) []string { return nil })
	})
	t.Run("tpm", func(t *testing.T) {
		testMoveKill(t, func(t *testing.T) []string {
			return []string{"--to", store.RootTPM, "--tpm", socketPrefix + tpmtest.New(t).Socket()}
		})
	})
}

// testMoveKill moves to an encrypted file and, where there is, to another root in
// turns.
func testMoveKill(t *testing.T, other func(*testing.T) []string) {
	dir := t.TempDir()
	away := other(t)
	signet, env := programs(t, dir)
	k := &killed{t: t, signet: signet, env: env, dir: dir, pin: movePIN}
	t.Chdir(dir)
	k.init()
	k.start()
	k.register()
	k.stop()
	whole := time.Minute // what a move takes from its note on, once it is known
	for i := range moveRounds + 1 {
		to := []string{"--to", store.RootFile, "--new-key-file", filepath.Join(dir, "key"+string(rune('a'+i)))}
		if h := k.header(); h.Root == store.RootFile && away != nil {
			to = away
		}
		before := k.header().Generation
		moment := whole
		if i > 0 {
			moment = time.Duration(rand.Int64N(int64(whole)))
		}
		took := k.killMove(to, moment)
		if i == 0 {
			whole = took
		}
		k.start()
		k.login()
		k.stop()
		t.Logf("killed after %v of %v: generation %d, then %d", took, whole, before, k.header().Generation)
		if left, err := filepath.Glob(filepath.Join(dir, "dev", "move.yaml*")); len(left) != 0 || err != nil {
			t.Errorf("left over: %q, %v", left, err)
		}
		if t.Failed() {
			return
		}
	}
}

func (k *killed) header() store.Header {
	k.t.Helper()
	h, err := store.ReadHeader(filepath.Join(k.dir, "dev"))
	if err != nil {
		k.t.Fatal(err)
	}
	return h
}

func (k *killed) stop() {
	k.t.Helper()
	k.close()
	k.run.Process.Signal(syscall.SIGTERM)
	if err := k.run.Wait(); err != nil {
		k.t.Error(err)
	}
}

// killMove kills a move some time after it has written its note, unless it has
// ended, and returns how long it went on from there.
func (k *killed) killMove(to []string, moment time.Duration) time.Duration {
	k.t.Helper()
	c := k.begin(append([]string{"move"}, to...)...)
	for !fileExists(filepath.Join(k.dir, "dev", "move.yaml")) && len(c.ended) == 0 {
		time.Sleep(time.Millisecond)
	}
	return c.kill(moment)
}

// killCommand kills a command after the moment, unless it has ended, and returns
// how long it took.
func (k *killed) killCommand(moment time.Duration, args ...string) time.Duration {
	k.t.Helper()
	return k.begin(args...).kill(moment)
}

// A command is one on the stopped device, under way.
type command struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan error
}

// begin starts a command that is given the PIN.
func (k *killed) begin(args ...string) *command {
	k.t.Helper()
	args = append(args, "--store", filepath.Join(k.dir, "dev"), "--pin-fd", "0")
	c := &command{t: k.t, cmd: exec.Command(k.signet, args...), ended: make(chan error, 1)}
	c.cmd.Env, c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = k.env, bytes.NewReader([]byte(k.pin+"\n")), &c.out, &c.out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	return c
}

func (c *command) kill(moment time.Duration) time.Duration {
	c.t.Helper()
	begun := time.Now()
	select {
	case err := <-c.ended:
		if err != nil {
			c.t.Errorf("signet %q: %v\n%s", c.cmd.Args[1:], err, c.out.Bytes())
		}
	case <-time.After(moment):
		c.cmd.Process.Kill()
		<-c.ended
	}
	return time.Since(begun)
}
