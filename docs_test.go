package signet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// An example in a document stands under the name of its file: all of the file, or
// one function of it.
var shownExample = regexp.MustCompile("(?m)^<!-- (examples/\\S+) -->\n```\\w+\n((?:.*\n)*?)```$")

// Documents show examples as they are run, and each of them.
func TestDocumentedExamples(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	shown := map[string]bool{}
	for _, path := range documents {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shownExample.FindAllStringSubmatch(string(text), -1) {
			file, block := m[1], m[2]
			example, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			shown[file] = true
			function := strings.HasPrefix(block, "func ") && strings.Contains("\n"+string(example)+"\n", "\n\n"+block+"\n")
			if block != string(example) && !function {
				t.Errorf("%s: the example is not what %s has", path, file)
			}
		}
	}
	for _, pattern := range []string{"examples/*/*.test.js", "examples/*/test_*.py", "examples/*/passkeys_test.go"} {
		examples, err := filepath.Glob(pattern)
		if err != nil || len(examples) == 0 {
			t.Fatalf("%s: %d examples, %v", pattern, len(examples), err)
		}
		for _, e := range examples {
			if !shown[filepath.ToSlash(e)] {
				t.Errorf("no document shows %s", e)
			}
		}
	}
}
