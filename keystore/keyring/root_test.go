package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
	"github.com/seed-77d61853/signet/keystore/software"
)

// cheap is the least work that Argon2id can be.
var cheap = software.KDF{Time: 1, Memory: 8, Threads: 1}

// roots makes and opens roots with their keys in the OS keyring.
func roots() keystoretest.Roots {
	return keystoretest.Roots{New: func(t *testing.T) func() (keystore.Root, error) {
		path := filepath.Join(t.TempDir(), "root")
		if err := Create(t.Context(), path, Options{KDF: cheap}); err != nil {
			t.Fatal(err)
		}
		return func() (keystore.Root, error) { return Open(t.Context(), path, Options{KDF: cheap}) }
	}}
}

// The mock is the whole process's, so this test is parallel to none.
func TestContractOnMock(t *testing.T) {
	keyring.MockInit()
	testContract(t)
}

// fake is a keyring whose calls can be stopped.
type fake struct {
	mu    sync.Mutex
	items map[string]string
	// before, unless nil, is asked before each call; after, after it.
	before, after func(call string) error
}

func (f *fake) do(call string, what func() error) error {
	if f.before != nil {
		if err := f.before(call); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := what()
	f.mu.Unlock()
	if err == nil && f.after != nil {
		err = f.after(call)
	}
	return err
}

func (f *fake) Set(service, account, password string) error {
	return f.do("set", func() error {
		if f.items == nil {
			f.items = make(map[string]string)
		}
		f.items[service+"/"+account] = password
		return nil
	})
}

func (f *fake) Get(service, account string) (password string, err error) {
	err = f.do("get", func() error {
		var ok bool
		if password, ok = f.items[service+"/"+account]; !ok {
			return keyring.ErrNotFound
		}
		return nil
	})
	return password, err
}

func (f *fake) Delete(service, account string) error {
	return f.do("delete", func() error {
		if _, ok := f.items[service+"/"+account]; !ok {
			return keyring.ErrNotFound
		}
		delete(f.items, service+"/"+account)
		return nil
	})
}

func (f *fake) opts() Options { return Options{KDF: cheap, keyring: f} }

func created(t *testing.T, f *fake) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "root")
	if err := Create(t.Context(), path, f.opts()); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, path string, opts Options) *file.Root {
	t.Helper()
	r, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func TestItem(t *testing.T) {
	f := new(fake)
	path := created(t, f)
	h, err := file.ReadHeader(path)
	if err != nil || h.Kind != file.KindKeyring {
		t.Fatalf("header %+v, %v", h, err)
	}
	name := fmt.Sprintf("signet/root key %x", h.Salt)
	text, ok := f.items[name]
	if !ok || len(f.items) != 1 || len(text) != 44 {
		t.Errorf("the keyring holds %q", f.items)
	}
	wants(t, "Create over a root", Create(t.Context(), path, f.opts()), fs.ErrExist)
	if len(f.items) != 1 {
		t.Errorf("a root that was not made leaves %q", f.items)
	}
	mustOpen(t, path, f.opts()).Close()

	// What cannot be the key is neither used nor replaced.
	other := created(t, f)
	otherHeader, err := file.ReadHeader(other)
	if err != nil {
		t.Fatal(err)
	}
	for bad, want := range map[string]error{
		"": keystore.ErrCorrupt, "?": keystore.ErrCorrupt, text[:40]: keystore.ErrCorrupt,
		f.items[fmt.Sprintf("signet/root key %x", otherHeader.Salt)]: file.ErrWrongSecret,
	} {
		f.items[name] = bad
		_, err := Open(t.Context(), path, f.opts())
		wants(t, "a key of "+fmt.Sprint(len(bad)), err, want)
		if f.items[name] != bad {
			t.Error("Open changed the keyring")
		}
	}

	delete(f.items, name)
	before := maps.Clone(f.items)
	_, err = Open(t.Context(), path, f.opts())
	wants(t, "no key", err, ErrKeyLost)
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("a lost key looks as if there were no root")
	}
	if !maps.Equal(f.items, before) {
		t.Error("Open without a key changed the keyring")
	}
	_, err = Open(t.Context(), path+"x", f.opts())
	wants(t, "no file", err, fs.ErrNotExist)

	if err := errors.Join(Forget(t.Context(), *otherHeader, f.opts()), Forget(t.Context(), *h, f.opts())); err != nil {
		t.Errorf("Forget: %v", err)
	}
	if len(f.items) != 0 {
		t.Errorf("Forget left %q", f.items)
	}
}

// TestNotStored believes no keyring that reports success and keeps nothing, or
// something else.
func TestNotStored(t *testing.T) {
	f := new(fake)
	path := filepath.Join(t.TempDir(), "root")
	for _, test := range []struct {
		name string
		lose func()
		want error
	}{
		{"nothing", func() { clear(f.items) }, ErrLocked},
		{"another key", func() {
			for name := range f.items {
				f.items[name] = base64.StdEncoding.EncodeToString(make([]byte, 32))
			}
		}, keystore.ErrCorrupt},
	} {
		f.after = func(call string) error {
			if call == "set" {
				test.lose()
			}
			return nil
		}
		wants(t, "a keyring that keeps "+test.name, Create(t.Context(), path, f.opts()), test.want)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || len(f.items) != 0 {
			t.Errorf("a keyring that keeps %s: %v, left %q", test.name, err, f.items)
		}
	}
}

// TestReseal moves a root into the keyring, to another key there, and out.
func TestReseal(t *testing.T) {
	f := new(fake)
	path := filepath.Join(t.TempDir(), "root")
	words := file.Passphrase([]byte("correct horse"))
	weak := file.Options{KDF: cheap}
	if err := file.Create(path, words, weak); err != nil {
		t.Fatal(err)
	}
	r, err := weak.Open(t.Context(), path, words)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := r.Create(t.Context(), ctap.ES256, nil, keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, f.opts()); !errors.Is(err, file.ErrWrongSecret) {
		t.Errorf("opened by the keyring: %v", err)
	}
	var items []map[string]string
	for range 2 {
		if err := Reseal(t.Context(), r, f.opts()); err != nil {
			t.Fatal(err)
		}
		items = append(items, maps.Clone(f.items))
		r.Close()
		r = mustOpen(t, path, f.opts())
		if _, err := r.Open(t.Context(), h, nil); err != nil {
			t.Errorf("a key of before: %v", err)
		}
	}
	if len(items[0]) != 1 || len(items[1]) != 1 || maps.Equal(items[0], items[1]) {
		t.Errorf("the keyring held %q", items)
	}
	inKeyring := r.Header()
	if err := r.Reseal(t.Context(), words); err != nil {
		t.Fatal(err)
	}
	if err := Forget(t.Context(), inKeyring, f.opts()); err != nil || len(f.items) != 0 {
		t.Errorf("Forget: %v, left %q", err, f.items)
	}
	r.Close()
	if r, err = weak.Open(t.Context(), path, words); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(t.Context(), h, nil); err != nil {
		t.Errorf("a key of before: %v", err)
	}
	r.Close()
}

var errStopped = errors.New("stopped")

// TestStopped stops Create and Reseal for good before and after each call of
// the keyring: what the file names is in the keyring.
func TestStopped(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			f := new(fake)
			path := created(t, f)
			r := mustOpen(t, path, f.opts())
			n := 0
			stop := func(string) error {
				if n++; n >= at {
					return errStopped
				}
				return nil
			}
			if f.before = stop; after {
				f.before, f.after = nil, stop
			}
			err := Reseal(t.Context(), r, f.opts())
			r.Close()
			f.before, f.after = nil, nil
			mustOpen(t, path, f.opts()).Close()
			if err == nil {
				break
			}
			wants(t, "stopped", err, errStopped)

			f = new(fake)
			n = 0
			if f.before = stop; after {
				f.before, f.after = nil, stop
			}
			path = filepath.Join(t.TempDir(), "root")
			if err := Create(t.Context(), path, f.opts()); err != nil {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("stopped at call %d, Create leaves a file: %v", at, err)
				}
			}
		}
	}
}

// TestFullDisk cannot write the file: the keyring is as it was.
func TestFullDisk(t *testing.T) {
	f := new(fake)
	path := created(t, f)
	r := mustOpen(t, path, f.opts())
	before := maps.Clone(f.items)
	// A folder in the way of the new file stands for a full disk.
	if err := os.MkdirAll(filepath.Join(path+".new", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Reseal(t.Context(), r, f.opts()); err == nil {
		t.Error("resealed without room")
	}
	if !maps.Equal(f.items, before) {
		t.Errorf("the keyring holds %q, before %q", f.items, before)
	}
	if err := Create(t.Context(), filepath.Join(t.TempDir(), "none", "root"), f.opts()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create without a folder: %v", err)
	}
	if !maps.Equal(f.items, before) {
		t.Errorf("the keyring holds %q, before %q", f.items, before)
	}
}

// TestUnanswered asks a keyring that waits for a person who is not there.
func TestUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		path := created(t, f)
		answer := make(chan error)
		f.before = func(string) error { return <-answer }

		start := time.Now()
		_, err := Open(t.Context(), path, f.opts())
		wants(t, "an unanswered question", err, ErrUnanswered)
		if took := time.Since(start); took != defaultTimeout {
			t.Errorf("it took %v", took)
		}
		answer <- nil

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = Open(ctx, path, f.opts())
		wants(t, "a question given up", err, context.Canceled)
		answer <- nil

		opts := f.opts()
		opts.Timeout = time.Minute
		start = time.Now()
		fresh := filepath.Join(t.TempDir(), "root")
		err = Create(t.Context(), fresh, opts)
		wants(t, "an unanswered question", err, ErrUnanswered)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		// The answer comes late: what is stored then goes again.
		answer <- nil
		answer <- nil
		synctest.Wait()
		if len(f.items) != 1 {
			t.Errorf("the keyring holds %q", f.items)
		}
		if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a root without a key: %v", err)
		}
	})
}

// TestBroken panics in the middle of each call, as go-keyring does where the bus
// goes away.
func TestBroken(t *testing.T) {
	f := new(fake)
	path := created(t, f)
	f.before = func(string) error { var answer []any; _ = answer[0]; return nil }
	_, err := Open(t.Context(), path, f.opts())
	wants(t, "Open", err, ErrNoService)
	wants(t, "Create", Create(t.Context(), filepath.Join(t.TempDir(), "root"), f.opts()), ErrNoService)
	f.before = nil
	mustOpen(t, path, f.opts()).Close()
}

// TestErrors tells what each error of the keyring means: all say what to do,
// and none looks as if there were no root.
func TestErrors(t *testing.T) {
	locked := "failed to unlock correct collection '/org/freedesktop/secrets/collection/login'"
	f := new(fake)
	path := created(t, f)
	for _, test := range []struct {
		err, want error
	}{
		{keyring.ErrNotFound, ErrKeyLost},
		{errors.New(locked), ErrLocked},
		{keyring.ErrUnsupportedPlatform, ErrNoService},
		{&exec.Error{Name: "dbus-launch", Err: exec.ErrNotFound}, ErrNoService},
		{&net.OpError{Op: "dial", Err: syscall.ENOENT}, ErrNoService},
	} {
		keyring.MockInitWithError(test.err)
		_, err := Open(t.Context(), path, Options{KDF: cheap})
		wants(t, test.err.Error(), err, test.want)
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v looks as if there were no root", err)
		}
		if !strings.Contains(test.want.Error(), ": ") {
			t.Errorf("%v does not say what to do", test.want)
		}
	}
	unknown := errors.New("something else")
	keyring.MockInitWithError(unknown)
	_, err := Open(t.Context(), path, Options{KDF: cheap})
	wants(t, "an unknown error", err, unknown)

	// macOS's, by the last byte of -25308, -25293, -128, -25307, -25294.
	for status, want := range map[int]error{36: ErrLocked, 51: ErrLocked, 128: ErrLocked, 37: ErrNoKeyring, 50: ErrNoKeyring, 1: nil} {
		if got := explainStatus(status); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}
