package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore/keyring/keyringtest"
)

// A desktop is a device on a real OS keyring, and what the program says of it.
type desktop struct{ *traveller }

// says wants a command to fail, and to say each of the words.
func (d desktop) says(command []string, words ...string) {
	d.t.Helper()
	cmd := exec.Command(d.signet, append(command, "--store", filepath.Join(d.dir, "dev"))...)
	cmd.Env, cmd.SysProcAttr = d.env, &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	if err == nil {
		d.t.Errorf("signet %q ends well:\n%s", command, out)
	}
	d.hasWords(command, string(out), words)
}

func (d desktop) hasWords(command []string, out string, words []string) {
	d.t.Helper()
	for _, word := range words {
		if !strings.Contains(out, word) {
			d.t.Errorf("signet %q does not say %q:\n%s", command, word, out)
		}
	}
}

// fails wants both signet run and doctor to fail with the words.
func (d desktop) fails(words ...string) {
	d.t.Helper()
	d.says([]string{"run", "--approve", "always"}, words...)
	d.says([]string{"doctor"}, append(words, "problem", "root")...)
}

// notChecked wants doctor to say that the keyring is locked, and to end at once.
func (d desktop) notChecked() {
	d.t.Helper()
	cmd := exec.Command(d.signet, "doctor", "--store", filepath.Join(d.dir, "dev"))
	cmd.Env = d.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Error(err)
	}
	d.hasWords(cmd.Args[1:], string(out), []string{"the OS keyring is locked", "unlock the keyring in its manager"})
}

// TestKeyringTrouble: signet run and signet doctor say what is wrong with a keyring
// that does not give the key, and never make another key in its place.
func TestKeyringTrouble(t *testing.T) {
	w := newWorld(t, 0)
	session := w.session
	d := desktop{&traveller{world: w, killed: &killed{t: t, signet: w.signet, env: w.env, dir: w.dir}}}
	d.says([]string{"init", "--root", "keyring", "--no-pin", "--profile", "security-key", "--copyable", "no"},
		"no OS keyring answers", "choose another root")
	session.Start("pw")
	d.traveller = w.init("desktop", store.RootKeyring, "no")
	d.register("one.example")
	d.works()

	// No service.
	session.Stop()
	d.fails("no OS keyring answers", "a desktop session with a keyring service")
	session.Start("pw")
	d.works()

	// Locked: there is nobody to ask; the question is dismissed; it is not answered.
	locked := []string{"the OS keyring is locked, and nobody unlocked it", "log in to the desktop, or open its manager"}
	run := []string{"run", "--approve", "always"}
	session.Lock()
	d.says(run, locked...)
	d.notChecked()
	t.Run("dismissed", func(t *testing.T) {
		person := session.Person(t, true)
		d.says(run, locked...)
		if person.Asked() != 1 {
			t.Errorf("asked %d times", person.Asked())
		}
		d.notChecked()
		if person.Asked() != 1 {
			t.Error("doctor asked")
		}
	})
	t.Run("unanswered", func(t *testing.T) { d.unanswered(session.Person(t, false)) })
	session.Stop()
	session.Start("pw")
	d.works()

	// Deleted; and another made in its place, in which the key is not.
	session.Delete()
	d.fails("the OS keyring service has no default keyring", "bring it back from a backup")
	session.Stop()
	session.Start("pw")
	d.fails("the key is not in the OS keyring", "bring the keyring back from a backup")
	if made := session.Accounts("signet"); len(made) > 0 {
		t.Errorf("made in place of the key that is lost: %q", made)
	}
}

// unanswered stops a run that waits for an answer, which it does not for ever: the
// package of the root tests the deadline.
func (d desktop) unanswered(person *keyringtest.Person) {
	d.t.Helper()
	run := exec.Command(d.signet, "run", "--approve", "always", "--store", filepath.Join(d.dir, "dev"))
	var out bytes.Buffer
	run.Env, run.Stdout, run.Stderr, run.SysProcAttr = d.env, &out, &out, &syscall.SysProcAttr{Setsid: true}
	if err := run.Start(); err != nil {
		d.t.Fatal(err)
	}
	defer run.Process.Kill()
	for deadline := time.Now().Add(time.Minute); person.Asked() == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	run.Process.Signal(syscall.SIGTERM)
	if err := run.Wait(); err == nil {
		d.t.Error("signet run ends well")
	}
	d.hasWords(run.Args[1:], out.String(), []string{"stopped before it was done"})
	d.notChecked()
}
