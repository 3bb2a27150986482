package keyring

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/keyring/keyringtest"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// Other tests mock the keyring, for the whole process: this one starts the test
// program again.
const realEnv = "SIGNET_TEST_REAL_KEYRING"

// TestSecretService is on a real gnome-keyring, on a session bus of its own.
func TestSecretService(t *testing.T) {
	if os.Getenv(realEnv) != "" {
		testSecretService(t)
		return
	}
	keyringtest.New(t) // or skip
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), self, "-test.run=^TestSecretService$", "-test.v", "-test.timeout=2m")
	again.Env = append(os.Environ(), realEnv+"=1")
	out, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSecretService") {
		t.Errorf("on a real keyring: %v\n%s", err, out)
	}
}

func testSecretService(t *testing.T) {
	session := keyringtest.New(t)
	t.Setenv(session.Env())
	path := filepath.Join(t.TempDir(), "root")
	opts := Options{KDF: cheap, Timeout: 20 * time.Second}
	fails := func(t *testing.T, want error) {
		t.Helper()
		_, err := Open(t.Context(), path, opts)
		wants(t, "Open", err, want)
		err = Create(t.Context(), filepath.Join(t.TempDir(), "root"), opts)
		if want == ErrKeyLost {
			want = nil
		}
		wants(t, "Create", err, want)
	}

	wants(t, "Available without a service", Available(t.Context()), ErrNoService)
	if Locked(t.Context()) {
		t.Error("locked without a service")
	}
	err := Create(t.Context(), path, opts)
	wants(t, "Create without a service", err, ErrNoService)
	if strings.Contains(err.Error(), "stays") {
		t.Errorf("a key that was never stored is said to be there: %v", err)
	}
	session.Start("pw")
	if err := Available(t.Context()); err != nil {
		t.Errorf("Available: %v", err)
	}
	if err := Create(t.Context(), path, opts); err != nil {
		t.Fatal(err)
	}
	t.Run("Contract", func(t *testing.T) { testContract(t) })
	t.Run("Killed", func(t *testing.T) { keystoretest.TestKilled(t, kill) })
	t.Run("Renew", func(t *testing.T) {
		r := mustOpen(t, path, opts)
		old := r.Header()
		if err := Reseal(t.Context(), r, opts); err != nil {
			t.Fatal(err)
		}
		r.Close()
		mustOpen(t, path, opts).Close()
		_, err := opts.get(t.Context(), old.Salt)
		wants(t, "the old key", err, ErrKeyLost)
	})
	t.Run("Restart", func(t *testing.T) {
		session.Stop()
		fails(t, ErrNoService)
		session.Start("pw")
		mustOpen(t, path, opts).Close()
	})
	t.Run("NobodyToAsk", func(t *testing.T) {
		if Locked(t.Context()) {
			t.Error("locked before it was")
		}
		session.Lock()
		if !Locked(t.Context()) {
			t.Error("not locked, after it was")
		}
		fails(t, ErrLocked)
	})
	t.Run("WrongPassword", func(t *testing.T) {
		session.Stop()
		session.Start("wrong")
		fails(t, ErrLocked)
		session.Stop()
		session.Start("pw")
		mustOpen(t, path, opts).Close()
	})
	t.Run("Dismissed", func(t *testing.T) {
		session.Lock()
		person := session.Person(t, true)
		if !Locked(t.Context()) || person.Asked() > 0 {
			t.Error("not locked, or somebody was asked")
		}
		fails(t, ErrLocked)
		if n := person.Asked(); n != 2 { // by Open and by Create
			t.Errorf("asked %d times", n)
		}
	})
	t.Run("Unanswered", func(t *testing.T) {
		session.Lock()
		session.Person(t, false)
		start := time.Now()
		opts := opts
		opts.Timeout = 300 * time.Millisecond
		_, err := Open(t.Context(), path, opts)
		wants(t, "Open", err, ErrUnanswered)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = Open(ctx, path, Options{KDF: cheap})
		wants(t, "Open", err, context.DeadlineExceeded)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("NothingMadeAfresh", func(t *testing.T) {
		session.Stop()
		session.Start("pw")
		h, err := file.ReadHeader(path)
		if err != nil {
			t.Fatal(err)
		}
		mustOpen(t, path, opts).Close()
		before := len(session.Accounts(serviceName))
		if err := Forget(t.Context(), *h, opts); err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), path, opts)
		wants(t, "Open", err, ErrKeyLost)
		if n := len(session.Accounts(serviceName)); n != before-1 {
			t.Errorf("the keyring had %d keys, has %d with one lost", before, n)
		}
	})
	t.Run("KeyringDeleted", func(t *testing.T) {
		session.Delete()
		if Locked(t.Context()) {
			t.Error("a keyring that is not there is locked")
		}
		fails(t, ErrNoKeyring)
	})
	t.Run("KeyringRemade", func(t *testing.T) {
		session.Stop()
		session.Start("pw")
		fails(t, ErrKeyLost)
	})
	t.Run("LoggedOut", func(t *testing.T) {
		session.Lock()
		person := session.Person(t, false)
		ended := make(chan error, 1)
		go func() {
			_, err := Open(t.Context(), path, opts)
			ended <- err
		}()
		for person.Asked() == 0 && len(ended) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		session.End()
		wants(t, "Open", <-ended, ErrNoService)
	})
}
