package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/arena"
	"github.com/seed-77d61853/signet/keystore/software"
)

var horse = Passphrase([]byte("correct horse"))

func created(t *testing.T, secret Secret) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "root")
	if err := Create(path, secret, cheap); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, path string, secret Secret) *Root {
	t.Helper()
	r, err := cheap.Open(t.Context(), path, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// refuses checks that a file does not open, with an error that names it, and
// that it is the same afterwards.
func refuses(t *testing.T, what, path string, secret Secret, want error) {
	t.Helper()
	before, _ := os.ReadFile(path)
	r, err := cheap.Open(t.Context(), path, secret)
	if err == nil {
		r.Close()
		t.Errorf("%s: the file opened", what)
	} else if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
		t.Errorf("%s: error %q, want %v, naming %s", what, err, want, path)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Errorf("%s: the file was changed", what)
	}
}

func TestOpenRefuses(t *testing.T) {
	path := created(t, horse)
	refuses(t, "wrong passphrase", path, Passphrase([]byte("wrong")), ErrWrongSecret)
	for _, s := range []Secret{{}, Passphrase(nil), KeyFile(path), KeyFile(filepath.Join(t.TempDir(), "none"))} {
		if r, err := cheap.Open(t.Context(), path, s); err == nil {
			r.Close()
			t.Errorf("opened with %#v", s)
		}
	}
	none := filepath.Join(t.TempDir(), "root")
	refuses(t, "no file", none, horse, fs.ErrNotExist)
	if names, _ := filepath.Glob(filepath.Dir(none) + "/*"); len(names) != 0 {
		t.Errorf("opening what is not there made %q", names)
	}
	refuses(t, "no folder", filepath.Join(none, "root"), horse, fs.ErrNotExist)
	if err := Create(path, horse, cheap); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a root: %v", err)
	}
	if err := Create(filepath.Join(none, "root"), horse, cheap); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create without a folder: %v", err)
	}
	if err := Create(none, horse, Options{KDF: software.KDF{Time: 1, Memory: 1 << 30, Threads: 1}}); err == nil {
		t.Error("Create took a KDF of 1 TiB")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cheap.Open(ctx, path, horse); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a cancelled context: %v", err)
	}

	r := mustOpen(t, path, horse)
	refuses(t, "in use", path, horse, keystore.ErrInUse)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path, horse)
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	path := created(t, horse)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := cheap.Open(t.Context(), path, horse); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

// TestOwner refuses a file that another user owns: he could give himself the
// rights that its mode denies him. Only root can make one.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	path := created(t, horse)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, horse); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "12345") {
		t.Errorf("a file of another user: %v", err)
	}
}

// TestDamage changes each byte of the file, and cuts it at each length.
func TestDamage(t *testing.T) {
	path := created(t, horse)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range whole {
		put(whole[:i])
		refuses(t, fmt.Sprintf("cut off at %d", i), path, horse, keystore.ErrCorrupt)
		changed := bytes.Clone(whole)
		changed[i] ^= 0x81
		put(changed)
		want := keystore.ErrCorrupt
		if i == len(magic) {
			want = keystore.ErrNewerSchema // the version
		}
		refuses(t, fmt.Sprintf("byte %d changed", i), path, horse, want)
	}
	put(append(bytes.Clone(whole), 0))
	refuses(t, "a byte more", path, horse, keystore.ErrCorrupt)
	put(bytes.Repeat([]byte("noise"), 50000))
	refuses(t, "noise", path, horse, keystore.ErrCorrupt)
	put(whole)
	mustOpen(t, path, horse)
}

// TestTampering changes bytes and makes the hash right again: what was sealed
// does not open, and no header makes the program work itself to death.
func TestTampering(t *testing.T) {
	path := created(t, horse)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rehashed := func(i int, b byte) {
		t.Helper()
		data := bytes.Clone(whole[:len(whole)-sha256.Size])
		data[i] = b
		sum := sha256.Sum256(data)
		if err := os.WriteFile(path, append(data, sum[:]...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, kdf, salt := len(magic)+2, len(magic)+2+16, len(magic)+2+16+kdfSize
	for _, i := range []int{id, salt, salt + saltSize, salt + saltSize + nonceSize, len(whole) - sha256.Size - 1} {
		rehashed(i, whole[i]^1)
		refuses(t, fmt.Sprintf("byte %d changed", i), path, horse, ErrWrongSecret)
	}
	for _, i := range []int{kdf, kdf + 4} { // passes and memory beyond all bounds
		rehashed(i, 0xff)
		refuses(t, fmt.Sprintf("byte %d changed", i), path, horse, keystore.ErrCorrupt)
	}
	rehashed(len(magic)+1, byte(KindKeyring)+1)
	refuses(t, "unknown kind", path, horse, keystore.ErrCorrupt)
	rehashed(len(magic), version+1)
	refuses(t, "newer version", path, horse, keystore.ErrNewerSchema)
	rehashed(len(magic), 0)
	refuses(t, "version zero", path, horse, keystore.ErrCorrupt)
}

// TestShowsNothing looks in the file for the secrets that are in it.
func TestShowsNothing(t *testing.T) {
	path := created(t, horse)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, sealed, err := parseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	stretched, err := horse.stretch(header, path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSeal(path, header, horse)
	if err != nil {
		t.Fatal(err)
	}
	state, err := unseal(sealed, s.key.Value())
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{stretched[:], s.key.Value()[:], state.Installation[:], state.Device[:], state.Gate.Wrapped[:], []byte("horse")}
	for i, secret := range secrets {
		if bytes.Contains(data, secret) {
			t.Errorf("the file shows secret %d", i)
		}
	}
	if !bytes.Contains(data, header.Salt[:]) {
		t.Error("the search does not find what is there")
	}
	if got := fmt.Sprintf("%v %+v %#v %s %x %q", horse, horse, horse, horse, horse, KeyFile("/k")); strings.Contains(got, "horse") ||
		strings.Contains(got, "686f727365") || strings.Contains(got, "/k") {
		t.Errorf("a Secret prints as %s", got)
	}
}

func TestReadHeader(t *testing.T) {
	path := created(t, horse)
	h, err := ReadHeader(path)
	if err != nil || h.Kind != KindPassphrase || h.KDF != cheap.KDF || h.ID == [16]byte{} {
		t.Errorf("ReadHeader = %+v, %v", h, err)
	}
	r := mustOpen(t, path, horse)
	if r.Header() != *h {
		t.Errorf("Header = %+v, want %+v", r.Header(), *h)
	}
	if err := r.Gate().SetPIN(t.Context(), make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if after, err := ReadHeader(path); err != nil || *after != *h {
		t.Errorf("ReadHeader after a write = %+v, %v", after, err)
	}
	if _, err := ReadHeader(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadHeader of nothing: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	keys := t.TempDir()
	key := filepath.Join(keys, "key")
	if err := CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	if err := CreateKeyFile(key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateKeyFile over a key file: %v", err)
	}
	info, err := os.Stat(key)
	if err != nil || info.Size() != 32 || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	path := created(t, KeyFile(key))
	mustOpen(t, path, KeyFile(key)).Close()
	refuses(t, "a passphrase", path, horse, ErrWrongSecret)
	other := filepath.Join(keys, "other")
	if err := CreateKeyFile(other); err != nil {
		t.Fatal(err)
	}
	refuses(t, "another key file", path, KeyFile(other), ErrWrongSecret)
	refuses(t, "no key file", path, KeyFile(other+"x"), fs.ErrNotExist)
	for _, size := range []int{0, 31, 33} {
		bad := filepath.Join(keys, fmt.Sprint(size))
		if err := os.WriteFile(bad, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, fmt.Sprintf("key file of %d bytes", size), path, KeyFile(bad), keystore.ErrCorrupt)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(other, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := cheap.Open(t.Context(), path, KeyFile(other)); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("a key file of mode 0640: %v", err)
		}
	}
}

// TestKeyFileInside refuses a key file beside the root file, by whatever path.
func TestKeyFileInside(t *testing.T) {
	dir := t.TempDir()
	store, below := filepath.Join(dir, "store"), filepath.Join(dir, "store", "below")
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}
	link, linked := filepath.Join(dir, "link"), filepath.Join(dir, "linked store")
	inside, deeper := filepath.Join(store, "key"), filepath.Join(below, "..key")
	outside := filepath.Join(dir, "key")
	for _, key := range []string{inside, deeper, outside} {
		if err := CreateKeyFile(key); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(inside, link), os.Symlink(store, linked)); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{filepath.Join(store, "root"), filepath.Join(linked, "root")} {
		for _, key := range []string{inside, deeper, link, filepath.Join(linked, "key"), filepath.Join(dir, "store", "below", "..", "key")} {
			if err := Create(root, KeyFile(key), cheap); err == nil || !strings.Contains(err.Error(), "elsewhere") {
				t.Errorf("root %s with key %s: %v", root, key, err)
			}
		}
	}
	root := filepath.Join(store, "root")
	if err := Create(root, KeyFile(outside), cheap); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, root, KeyFile(outside)).Close()
	if err := os.Rename(outside, filepath.Join(store, "moved")); err != nil {
		t.Fatal(err)
	}
	if _, err := cheap.Open(t.Context(), root, KeyFile(filepath.Join(store, "moved"))); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("a key file moved in: %v", err)
	}
}

// TestThroughLink replaces the file that a link names, not the link.
func TestThroughLink(t *testing.T) {
	path := created(t, horse)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r := mustOpen(t, link, horse)
	refuses(t, "in use by its other name", path, horse, keystore.ErrInUse)
	if err := r.Gate().SetPIN(t.Context(), make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	state, err := mustOpen(t, path, horse).Gate().State(t.Context())
	if err != nil || !state.Set {
		t.Errorf("the file behind the link: %+v, %v", state, err)
	}
}

// TestNoRoom cannot write: nothing is lost, and no try is judged for free.
func TestNoRoom(t *testing.T) {
	path := created(t, horse)
	r := mustOpen(t, path, horse)
	pin := bytes.Repeat([]byte{1}, 16)
	if err := r.Gate().SetPIN(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	h, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	// A folder in the way of the new file stands for a full disk.
	if err := os.MkdirAll(filepath.Join(path+".new", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Open":   r.Gate().Open(t.Context(), pin),
		"SetPIN": r.Gate().SetPIN(t.Context(), pin),
		"Reset":  r.Reset(t.Context()),
	} {
		if err == nil || errors.Is(err, keystore.ErrWrongPIN) {
			t.Errorf("%s without room: %v", what, err)
		} else if what != "SetPIN" && !strings.Contains(err.Error(), path) {
			t.Errorf("%s without room: the error does not name the file: %v", what, err)
		}
	}
	if state, err := r.Gate().State(t.Context()); err != nil || state.Open || state.Retries != ctap.MaxPINRetries {
		t.Errorf("after a try without room: %+v, %v", state, err)
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if err := r.Gate().Open(t.Context(), pin); err != nil {
		t.Errorf("with room again: %v", err)
	}
	r.Close()
	r = mustOpen(t, path, horse)
	again, err := r.Open(t.Context(), h, []byte("site"))
	if err != nil || !samePublic(again, k) {
		t.Errorf("a key of before: %v", err)
	}
}

func samePublic(a, b keystore.Key) bool {
	x, errX := ctap.MarshalPublicKey(ctap.ES256, a.Public())
	y, errY := ctap.MarshalPublicKey(ctap.ES256, b.Public())
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func FuzzHeader(f *testing.F) {
	// Each process of the fuzzer has a key of its own.
	key := new(keystore.Secret)
	rand.Read(key[:])
	box := arena.New[keystore.Secret]()
	*box.Value() = *key
	sealed := &seal{header: newHeader(horse, cheap.KDF), key: box}
	data, err := sealed.encode(software.NewState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte(magic))
	// What is accepted has a header that encodes to the same bytes, with a KDF
	// within bounds, and does not unseal unless it is what was sealed.
	f.Fuzz(func(t *testing.T, in []byte) {
		h, sealed, err := parseHeader(in)
		if err != nil {
			if !errors.Is(err, keystore.ErrCorrupt) && !errors.Is(err, keystore.ErrNewerSchema) {
				t.Fatal(err)
			}
			sum := sha256.Sum256(in)
			if h, sealed, err = parseHeader(append(bytes.Clone(in), sum[:]...)); err != nil {
				return
			}
		}
		if b, err := h.encode(); err != nil || !bytes.HasPrefix(in, b) {
			t.Fatalf("%x encodes to %x, %v", in, b, err)
		}
		if _, err := unseal(sealed, key); err == nil && !bytes.HasPrefix(data, sealed) {
			t.Fatalf("%x unseals", in)
		}
	})
}
