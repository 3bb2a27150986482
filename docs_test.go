package signet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	makeCommand    = regexp.MustCompile(`(?m)(?:\x60|^\$ )make ([a-z]+)|^make ([a-z]+)(?: [A-Z]+=\S+)?$`)
	makeTarget     = regexp.MustCompile(`(?m)^([a-z]+):`)
	installCommand = regexp.MustCompile(`go install (\S+?)@latest`)
)

// What the documents tell a reader to type is there.
func TestDocumentedCommands(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllSubmatch(makefile, -1) {
		targets[string(m[1])] = true
	}
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, "README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range makeCommand.FindAllSubmatch(text, -1) {
			if target := string(m[1]) + string(m[2]); !targets[target] {
				t.Errorf("%s: no target for make %s", path, target)
			}
		}
		for _, m := range installCommand.FindAllSubmatch(text, -1) {
			if string(m[1]) != module+"/cmd/signet" {
				t.Errorf("%s: there is no program %s", path, m[1])
			}
		}
	}
}
