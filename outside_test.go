package signet_test

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// A stranger's module that imports only what is published registers and signs
// in.
func TestOutsideModule(t *testing.T) {
	cmd := exec.Command("go", "run", ".")
	cmd.Dir = "testdata/outside"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`^registered: \d+ bytes\nsigned in: \d+ bytes\n$`).Match(out) {
		t.Errorf("printed %q", out)
	}
}
