//go:build unix

package console

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// inherited makes a descriptor of f as a program that started this one would have
// left it.
func inherited(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestReadSecretFDServesALineEach(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.WriteString("passphrase\n123456\n")
	w.Close()
	// What this program opened itself is not what its caller gave it.
	if got, err := ReadSecretFD(int(r.Fd())); err == nil {
		t.Errorf("read %q from a descriptor that nobody gave", got)
	}
	given := inherited(t, r)
	for _, want := range []string{"passphrase", "123456"} {
		if got, err := ReadSecretFD(given); err != nil || string(got) != want {
			t.Errorf("ReadSecretFD = %q, %v; want %q", got, err, want)
		}
	}
	if _, err := ReadSecretFD(given); err == nil {
		t.Error("the end of input is taken for a secret")
	}
	if _, err := ReadSecretFD(9999); err == nil {
		t.Error("a descriptor that is not open is taken")
	}
}
