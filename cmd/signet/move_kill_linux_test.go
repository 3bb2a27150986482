package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// tour goes from each kind of root to each, once.
var tour = []string{
	store.RootFile, store.RootFile, store.RootKeyring, store.RootKeyring, store.RootTPM,
	store.RootTPM, store.RootFile, store.RootTPM, store.RootKeyring, store.RootFile,
}

// TestMoveKill moves a device between every two roots, the first time round
// undisturbed, then killed with kill -9 at random moments: once anywhere, once just
// after the device has moved, while what kept the keys before is destroyed. Whatever
// the moment: the device starts, on the one root or on the other, each of its
// passkeys works, and of the other root nothing is left.
func TestMoveKill(t *testing.T) {
	random := newRandom(t)
	w := newWorld(t, 2)
	w.session.Start("pw")
	d := w.init("moving", tour[0], "no")
	d.register("one.example", "two.example")
	gone := map[string]bool{}
	whole := make([]time.Duration, len(tour)) // what each move takes from its note on
	for lap := range 2 {
		for i, kind := range tour[1:] {
			to, before := w.root(kind), d.header().Generation
			noted := func() bool { return fileExists(filepath.Join(d.dir, "dev", "move.yaml")) }
			moved := func() bool { return d.header().Generation != before }
			gone[d.keyName()] = true
			if lap == 0 {
				whole[i] = d.killMove(to, noted, time.Minute)
				d.works()
			} else {
				moment := time.Duration(random.Int64N(int64(whole[i])))
				d.killMove(to, noted, moment)
				t.Logf("killed after %v of %v: moved: %v", moment, whole[i], moved())
				d.works()
				if !moved() {
					d.killMove(to, moved, time.Duration(random.Int64N(int64(10*time.Millisecond))))
					d.works()
				}
			}
			d.alone(gone)
			if !moved() || d.header().Root != kind {
				t.Errorf("not moved: %+v", d.header())
			}
			if t.Failed() {
				t.Fatalf("lap %d, from %s to %s", lap, tour[i], kind)
			}
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

// killMove kills a move some time after it has got somewhere, unless it has
// ended, and returns how long it went on from there.
func (k *killed) killMove(to []string, there func() bool, moment time.Duration) time.Duration {
	k.t.Helper()
	c := k.begin(append([]string{"move"}, to...)...)
	for !there() && len(c.ended) == 0 {
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
