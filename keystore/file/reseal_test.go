package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// credential puts a key where systemd would, and returns its name.
func credential(t *testing.T) (name, path string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	path = filepath.Join(dir, "signet")
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return "signet", path
}

// TestReseal goes from each kind of secret to each: the new one opens the file,
// the old one does not, and all else is as it was.
func TestReseal(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := CreateKeyFile(keyFile); err != nil {
		t.Fatal(err)
	}
	name, _ := credential(t)
	secrets := []Secret{
		horse, Passphrase([]byte("another")), KeyFile(keyFile), Credential(name),
		KeyringKey([16]byte{1}, &keystore.Secret{2}),
	}
	for _, from := range secrets {
		for _, to := range secrets {
			path := created(t, from)
			r := mustOpen(t, path, from)
			h, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Gated)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Gate().SetPIN(t.Context(), pinNumber(1)); err != nil {
				t.Fatal(err)
			}
			wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pinNumber(2)), keystore.ErrWrongPIN)
			before := r.Header()
			if err := r.Reseal(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			after := r.Header()
			if after.Kind != to.kind || after.ID != before.ID || after.KDF != before.KDF || (after.Salt == before.Salt) != (to.kind == KindKeyring && from.kind == to.kind) {
				t.Errorf("%v to %v: header %+v, was %+v", from.kind, to.kind, after, before)
			}
			// What is written from now on is sealed anew, too.
			wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pinNumber(2)), keystore.ErrWrongPIN)
			r.Close()

			if from.kind != to.kind || from.kind == KindPassphrase && string(from.passphrase) != string(to.passphrase) {
				refuses(t, "the old secret", path, from, ErrWrongSecret)
			}
			r = mustOpen(t, path, to)
			if got := r.Header(); got != after {
				t.Errorf("the file's header is %+v, want %+v", got, after)
			}
			state, err := r.Gate().State(t.Context())
			if want := (keystore.GateState{Set: true, Retries: ctap.MaxPINRetries - 2}); err != nil || state != want {
				t.Errorf("%v to %v: %+v, %v, want %+v", from.kind, to.kind, state, err, want)
			}
			if err := r.Gate().Open(t.Context(), pinNumber(1)); err != nil {
				t.Error(err)
			}
			if again, err := r.Open(t.Context(), h, []byte("site")); err != nil || !samePublic(k, again) {
				t.Errorf("%v to %v: a key of before: %v", from.kind, to.kind, err)
			}
			r.Close()
		}
	}
}

func TestResealRefuses(t *testing.T) {
	path := created(t, horse)
	r := mustOpen(t, path, horse)
	inside := filepath.Join(filepath.Dir(path), "key")
	if err := CreateKeyFile(inside); err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]Secret{
		"nothing": {}, "an empty passphrase": Passphrase(nil), "a key file inside": KeyFile(inside),
		"no key file": KeyFile(inside + "x"),
	} {
		if err := r.Reseal(t.Context(), s); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("sealed with %s: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, "a cancelled reseal", r.Reseal(ctx, Passphrase([]byte("new"))), context.Canceled)
	// A folder in the way of the new file stands for a full disk.
	if err := os.MkdirAll(filepath.Join(path+".new", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Reseal(t.Context(), Passphrase([]byte("new"))); err == nil {
		t.Error("a reseal without room")
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if err := r.Gate().SetPIN(t.Context(), pinNumber(1)); err != nil {
		t.Errorf("after reseals that failed: %v", err)
	}
	r.Close()
	wants(t, "a closed root", r.Reseal(t.Context(), Passphrase([]byte("new"))), fs.ErrClosed)
	mustOpen(t, path, horse)
}

// TestKDFUpgrade opens a file that was made when less was thought enough: a new
// PIN is stretched as today, and so is a passphrase that is set again. A file
// that asks for more than today keeps it.
func TestKDFUpgrade(t *testing.T) {
	weak, today := cheap, Options{KDF: software.KDF{Time: 2, Memory: 64, Threads: 2}}
	for _, test := range []struct{ made, opened Options }{{weak, today}, {today, weak}} {
		path := filepath.Join(t.TempDir(), "root")
		if err := Create(path, horse, test.made); err != nil {
			t.Fatal(err)
		}
		var pins software.KDF
		keep := func(r *Root) {
			t.Helper()
			err := r.SaveTo(t.Context(), func(s *software.State) error {
				pins = s.Gate.KDF
				return r.seal.save(s)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r, err := test.opened.Open(t.Context(), path, horse)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Gate().SetPIN(t.Context(), pinNumber(1)); err != nil {
			t.Fatal(err)
		}
		if keep(r); pins != today.KDF {
			t.Errorf("made with %v, opened with %v: the PIN's KDF is %v", test.made.KDF, test.opened.KDF, pins)
		}
		if got := r.Header().KDF; got != test.made.KDF {
			t.Errorf("a PIN changed the passphrase's KDF to %v", got)
		}
		if err := r.Reseal(t.Context(), horse); err != nil {
			t.Fatal(err)
		}
		if got := r.Header().KDF; got != today.KDF {
			t.Errorf("made with %v, opened with %v, sealed anew with %v", test.made.KDF, test.opened.KDF, got)
		}
		r.Close()
		if err := mustOpen(t, path, horse).Gate().Open(t.Context(), pinNumber(1)); err != nil {
			t.Error(err)
		}
	}
}

func TestCredential(t *testing.T) {
	name, key := credential(t)
	path := created(t, Credential(name))
	if h, err := ReadHeader(path); err != nil || h.Kind != KindCredential {
		t.Errorf("ReadHeader = %+v, %v", h, err)
	}
	mustOpen(t, path, Credential(name)).Close()
	refuses(t, "a passphrase", path, horse, ErrWrongSecret)
	refuses(t, "the same key from a key file", path, KeyFile(key), ErrWrongSecret)
	refuses(t, "another name", path, Credential("other"), fs.ErrNotExist)
	for _, bad := range []string{"", "../signet", "/etc/passwd", "a/b", "."} {
		if r, err := Open(t.Context(), path, Credential(bad)); err == nil || errors.Is(err, fs.ErrNotExist) {
			r.Close()
			t.Errorf("credential %q: %v", bad, err)
		}
	}
	if runtime.GOOS != "windows" {
		for mode, ok := range map[fs.FileMode]bool{0o400: true, 0o440: true, 0o460: false, 0o404: false, 0o450: false} {
			if err := os.Chmod(key, mode); err != nil {
				t.Fatal(err)
			}
			r, err := Open(t.Context(), path, Credential(name))
			if err == nil {
				r.Close()
			}
			if (err == nil) != ok {
				t.Errorf("mode %04o: %v", mode, err)
			}
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := Open(t.Context(), path, Credential(name)); err == nil || !strings.Contains(err.Error(), "LoadCredentialEncrypted=signet") {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	if err := CreateKeyFile(filepath.Join(filepath.Dir(path), name)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Credential(name)); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("a credential inside the store: %v", err)
	}
}
