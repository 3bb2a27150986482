package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for _, tt := range []struct{ content, want, err string }{
		{"hunter2\n", "hunter2", ""},
		{"hunter2", "hunter2", ""},
		{"hunter2\r\n", "hunter2", ""},
		{" spaces count \nsecond line\n", " spaces count ", ""},
		{"", "", "empty"},
		{"\nlate", "", "empty"},
		{strings.Repeat("x", maxSecret), strings.Repeat("x", maxSecret), ""},
		{strings.Repeat("x", maxSecret+1), "", "longer"},
	} {
		if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecretFile(path)
		switch {
		case tt.err == "" && (err != nil || string(got) != tt.want):
			t.Errorf("%.20q: %.20q, %v", tt.content, got, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%.20q: error %v, want %q", tt.content, err, tt.err)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func TestReadSecretFileOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if secret, err := ReadSecretFile(path); err == nil || !strings.Contains(err.Error(), "set it to 0600") {
			t.Errorf("mode %04o: %q, %v", mode, secret, err)
		}
	}
}
