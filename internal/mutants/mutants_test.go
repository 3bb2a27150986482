package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = "Check: a check\nPackage: .\nTest: ^TestX$\n\n"

func TestParsePatch(t *testing.T) {
	const change = "--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n-a\n+b\n"
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"whole", header + change, true},
		{"with a trap", "Trap: T3\n" + header + change, true},
		{"no check", strings.Replace(header, "Check", "check", 1) + change, false},
		{"no test", strings.Replace(header, "Test: ^TestX$\n", "", 1) + change, false},
		{"bad pattern", strings.Replace(header, "^TestX$", "(", 1) + change, false},
		{"no change", header, false},
		{"changes a test", header + strings.ReplaceAll(change, "x.go", "x_test.go"), false},
		{"changes what is elsewhere", header + strings.ReplaceAll(change, "/x.go", "/../x.go"), false},
	} {
		if p, err := parsePatch([]byte(test.text)); (err == nil) != test.ok {
			t.Errorf("%s: %+v, %v", test.name, p, err)
		}
	}
}

func TestCheckTraps(t *testing.T) {
	patches := []*patch{{name: "a", trap: "T1"}, {name: "b", trap: "T1"}, {name: "c"}}
	row := func(n, last string) string { return "| " + n + " | a mistake | " + last + " |\n" }
	var others string
	for n := 2; n <= traps; n++ {
		others += row(fmt.Sprintf("T%d", n), "cannot exist: no such thing")
	}
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"whole", row("T1", "`a`, `b`") + others, true},
		{"row missing", others, false},
		{"patch not named", row("T1", "`a`") + others, false},
		{"patch of another trap", row("T1", "`a`, `b`, `c`") + others, false},
		{"patch that is not there", row("T1", "`a`, `b`, `d`") + others, false},
		{"last rows missing", row("T1", "`a`, `b`"), false},
	} {
		path := filepath.Join(t.TempDir(), "TRAPS.md")
		if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkTraps(path, patches); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A small module whose one check has a test that is worth something and one
// that is not.
var module = map[string]string{
	"go.mod":  "module example\n\ngo 1.26\n",
	"door.go": "package example\n\nfunc open(key int) bool {\n\treturn key == 7\n}\n",
	"door_test.go": `package example

import "testing"

func TestOpens(t *testing.T) {
	if !open(7) {
		t.Error("shut")
	}
}

func TestStaysShut(t *testing.T) {
	if open(8) {
		t.Error("open")
	}
}

func TestFails(t *testing.T) { t.Error("always") }

func TestSkips(t *testing.T) { t.Skip("always") }
`,
}

func TestLaboratory(t *testing.T) {
	l := &laboratory{root: t.TempDir(), temp: t.TempDir()}
	for name, text := range module {
		if err := os.WriteFile(filepath.Join(l.root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, old, mutant, test string
		want                    string
	}{
		{"killed", "key == 7", "true", "^TestStaysShut$", outcomeKilled},
		{"survives a weak test", "key == 7", "true", "^TestOpens$", outcomeSurvived},
		{"does not apply", "key == 9", "true", "^TestStaysShut$", outcomeNoPatch},
		{"does not build", "key == 7", "key", "^TestStaysShut$", outcomeNoBuild},
		{"test fails anyhow", "key == 7", "true", "^TestFails$", outcomeBaseline},
		{"test skips", "key == 7", "true", "^TestSkips$", outcomeBaseline},
		{"no such test", "key == 7", "true", "^TestNothing$", outcomeBaseline},
	} {
		p, err := parsePatch([]byte(strings.Replace(header, "^TestX$", test.test, 1) +
			"--- a/door.go\n+++ b/door.go\n@@ -3,3 +3,3 @@\n func open(key int) bool {\n-\treturn " +
			test.old + "\n+\treturn " + test.mutant + "\n }\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.try(context.Background(), p); got.outcome != test.want {
			t.Errorf("%s: %s, not %s\n%s", test.name, got.outcome, test.want, got.detail)
		}
	}
	if text, err := os.ReadFile(filepath.Join(l.root, "door.go")); err != nil || string(text) != module["door.go"] {
		t.Errorf("the tree was written to: %v\n%s", err, text)
	}
}
