//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
)

// The scripts run the real program. This test binary is that program, and the
// test-only client ctap.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signet":   func() { os.Exit(run(testPolicy())) },
		"ctap":     func() { os.Exit(ctapMain()) },
		"confined": func() { os.Exit(confinedMain()) },
		"cut":      func() { os.Exit(cutMain()) },
	})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for name, dir := range map[string]string{
				"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_RUNTIME_DIR": "run",
			} {
				path := filepath.Join(env.WorkDir, dir)
				if err := os.MkdirAll(path, 0o700); err != nil {
					return err
				}
				env.Setenv(name, path)
			}
			if err := makePrivate(env.WorkDir); err != nil {
				return err
			}
			env.Values[daemonKey{}] = &process{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":   cmdAwait,
			"start":   cmdStart,
			"halt":    cmdHalt,
			"kill9":   cmdKill9,
			"limit":   cmdLimit,
			"damage":  cmdDamage,
			"backup":  cmdBackup,
			"passkey": cmdPasskey,
			"site":    cmdSite,
		},
	})
}

// makePrivate gives the scripts' files the mode that secrets must have.
func makePrivate(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
}

// testPolicy is the policy of the scripts, in place of the machine's.
func testPolicy() policy.Source {
	return policy.Source{Path: os.Getenv("SIGNET_TEST_POLICY"), Owner: os.Getuid()}
}

type daemonKey struct{}

// process is the signet run of a script.
type process struct {
	cmd   *exec.Cmd
	ended chan error
}

func daemonOf(ts *testscript.TestScript) *process { return ts.Value(daemonKey{}).(*process) }

// cmdStart is "start [args]": it starts signet run with args, its output in the
// files daemon.out and daemon.err, and waits for the ready line. SOCKET is the
// stream door then. "! start" wants it to fail before it is ready.
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	r, w, err := os.Pipe()
	ts.Check(err)
	defer r.Close()
	p := daemonOf(ts)
	p.cmd = exec.Command(lookPath(ts, "signet"), append([]string{"run", "--ready-fd", "3"}, args...)...)
	p.cmd.Dir, p.cmd.ExtraFiles = ts.MkAbs("."), []*os.File{w}
	p.cmd.Env = environment(ts)
	// A session of its own has no terminal, wherever the tests run.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for name, out := range map[string]*io.Writer{"daemon.out": &p.cmd.Stdout, "daemon.err": &p.cmd.Stderr} {
		f, err := os.Create(ts.MkAbs(name))
		ts.Check(err)
		defer f.Close()
		*out = f
	}
	ts.Check(p.cmd.Start())
	w.Close()
	cmd, ended := p.cmd, make(chan error, 1)
	p.ended = ended
	go func() { ended <- cmd.Wait() }()
	ts.Defer(func() { cmd.Process.Kill() })

	line, err := bufio.NewReader(r).ReadString('\n')
	if neg {
		if err == nil {
			ts.Fatalf("signet run became ready")
		}
		if err := <-ended; err == nil {
			ts.Fatalf("signet run ended without an error")
		}
		return
	}
	if err != nil {
		ts.Fatalf("signet run ended before it was ready: %v\n%s", <-ended, ts.ReadFile("daemon.err"))
	}
	var ready daemon.ReadyLine
	ts.Check(json.Unmarshal([]byte(line), &ready))
	if !ready.Ready || ready.PID != cmd.Process.Pid || ready.Socket == "" || ready.Control == "" {
		ts.Fatalf("ready line is %s", line)
	}
	ts.Setenv("SOCKET", ready.Socket)
	ts.Setenv("TCP", ready.TCP)
}

// cmdAwait is "await file": it waits for a file to be there.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	for range 1000 {
		if fileExists(ts.MkAbs(args[0])) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s does not come", args[0])
}

func lookPath(ts *testscript.TestScript, name string) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(filepath.ListSeparator)) {
		if path := filepath.Join(dir, name); fileExists(path) {
			return path
		}
	}
	ts.Fatalf("%s is not on PATH", name)
	return ""
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func environment(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "SIGNET_STORE", "SIGNET_CONFIG", "SIGNET_TCP", "SIGNET_TEST_POLICY", "GOCOVERDIR"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// cmdHalt is "halt [INT|TERM|HUP]": it asks the daemon to stop, and wants exit
// code 0.
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	signal := syscall.SIGTERM
	if len(args) == 1 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[args[0]]
	}
	p := daemonOf(ts)
	ts.Check(p.cmd.Process.Signal(signal))
	select {
	case err := <-p.ended:
		if (err != nil) != neg {
			ts.Fatalf("signet run ended with %v\n%s", err, ts.ReadFile("daemon.err"))
		}
	case <-time.After(30 * time.Second):
		ts.Fatalf("signet run did not stop")
	}
}

// cmdKill9 is "kill9": kill -9.
func cmdKill9(ts *testscript.TestScript, _ bool, _ []string) {
	p := daemonOf(ts)
	ts.Check(p.cmd.Process.Kill())
	<-p.ended
}

// cmdDamage is "damage FILE cut N|flip N|empty|schema N|unlabel": it cuts a file
// to N bytes, inverts byte N, or empties it, N below 0 counting from the end; or
// it gives a vault another schema version, or no label.
func cmdDamage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	n := 0
	if len(args) > 2 {
		_, err := fmt.Sscan(args[2], &n)
		ts.Check(err)
	}
	if n < 0 {
		n += len(b)
	}
	switch args[1] {
	case "cut":
		b = b[:n]
	case "flip":
		b[n] ^= 0xFF
	case "empty":
		b = nil
	case "schema":
		setHeader(ts, path, func(header *bolt.Bucket) error {
			return header.Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, uint32(n)))
		})
		return
	case "unlabel":
		setHeader(ts, path, func(header *bolt.Bucket) error { return header.Delete([]byte("label")) })
		return
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}

// setHeader changes the header of a vault.
func setHeader(ts *testscript.TestScript, path string, change func(header *bolt.Bucket) error) {
	db, err := bolt.Open(path, 0o600, nil)
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Update(func(tx *bolt.Tx) error { return change(tx.Bucket([]byte("signet vault"))) }))
}

// cmdBackup is "backup FROM TO": it puts a copy of a folder in the place of
// another.
func cmdBackup(ts *testscript.TestScript, _ bool, args []string) {
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(os.RemoveAll(to))
	ts.Check(os.MkdirAll(to, 0o700))
	entries, err := os.ReadDir(from)
	ts.Check(err)
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(to, e.Name()), b, 0o600))
	}
}
