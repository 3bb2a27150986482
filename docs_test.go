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
	for _, path := range documents(t) {
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

// documents are the paths of README and of all below docs.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeBlock    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	heading      = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are those that a Markdown page's headings have on GitHub.
func anchors(page []byte) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllSubmatch(codeBlock.ReplaceAll(page, nil), -1) {
		name := notInAnchors.ReplaceAllString(strings.ToLower(string(m[1])), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

// What a document links to in this tree is there, with the heading that it names.
func TestDocumentedLinks(t *testing.T) {
	checked := 0
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range markdownLink.FindAllSubmatch(codeBlock.ReplaceAll(text, nil), -1) {
			link := string(m[1])
			if strings.Contains(link, "://") {
				continue
			}
			checked++
			file, anchor, hasAnchor := strings.Cut(link, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, link, err)
				continue
			}
			if !hasAnchor {
				continue
			}
			page, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			if !anchors(page)[anchor] {
				t.Errorf("%s links to %s, and no heading of %s has that anchor", path, link, target)
			}
		}
	}
	if checked == 0 {
		t.Error("there are no links, or they are not seen")
	}
}

// An example in a document stands under the name of its file: all of the file, or
// one function of it.
var shownExample = regexp.MustCompile("(?m)^<!-- (examples/\\S+) -->\n```\\w+\n((?:.*\n)*?)```$")

// Documents show examples as they are run, and each of them.
func TestDocumentedExamples(t *testing.T) {
	shown := map[string]bool{}
	for _, path := range documents(t) {
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
