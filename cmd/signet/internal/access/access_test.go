//go:build unix

package access

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// file is a file that somebody owns.
type file struct {
	mode fs.FileMode
	uid  int
}

func (f file) Name() string       { return "f" }
func (f file) Size() int64        { return 0 }
func (f file) Mode() fs.FileMode  { return f.mode }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return f.mode.IsDir() }
func (f file) Sys() any           { return &syscall.Stat_t{Uid: uint32(f.uid)} }

func TestCheckOwned(t *testing.T) {
	me := os.Geteuid()
	for _, tt := range []struct {
		file file
		ok   bool
	}{
		{file{0o700, me}, true},
		{file{0o755, me}, true},
		{file{0o775, me}, false},
		{file{0o757, me}, false},
		{file{0o700, me + 1}, false},
	} {
		if err := CheckOwned("f", tt.file, 0o022); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.file, err)
		}
	}
	if err := CheckOwned("f", file{0o700, me + 1}, 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another's: %v", err)
	}
}

func TestCheckSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o644: false, 0o640: false, 0o602: false} {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Chmod(mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckSecret(path, f); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
		os.Remove(path)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := CheckSecret("pipe", r); err != nil {
		t.Errorf("a pipe: %v", err)
	}
}
