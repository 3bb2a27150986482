package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCheckReset: it tells that the file cannot be replaced, and changes nothing.
func TestCheckReset(t *testing.T) {
	secret := horse
	path := created(t, secret)
	r := mustOpen(t, path, secret)
	if err := r.Gate().SetPIN(t.Context(), pinNumber(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckReset(t.Context()); err != nil {
		t.Error(err)
	}
	inTheWay := filepath.Join(path+".new", "file")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckReset(t.Context()); err == nil {
		t.Error("a file that cannot be replaced can be reset")
	}
	if err := errors.Join(r.Close(), os.RemoveAll(path+".new")); err != nil {
		t.Fatal(err)
	}
	r = mustOpen(t, path, secret)
	if err := r.Gate().Open(t.Context(), pinNumber(1)); err != nil {
		t.Error(err)
	}
}
