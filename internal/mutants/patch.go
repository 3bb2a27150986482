package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// patch is one removed check.
type patch struct {
	name  string // the file's, without .patch
	check string
	trap  string // "T10"; empty where it is none
	pkg   string
	test  string   // of go test -run
	files []string // that it changes, from the module's root
	text  []byte
}

func readPatches(folder string) ([]*patch, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no patch in %s", folder)
	}
	var patches []*patch
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		p, err := parsePatch(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p.name = strings.TrimSuffix(filepath.Base(path), ".patch")
		patches = append(patches, p)
	}
	return patches, nil
}

// parsePatch reads a patch's header and the names of the files that it changes.
func parsePatch(text []byte) (*patch, error) {
	p := &patch{text: text}
	header := true
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if file, ok := strings.CutPrefix(line, "+++ b/"); ok {
			p.files = append(p.files, file)
		}
		if strings.HasPrefix(line, "--- ") {
			header = false
		}
		key, value, ok := strings.Cut(line, ": ")
		if !header || !ok {
			continue
		}
		switch key {
		case "Check":
			p.check = value
		case "Trap":
			p.trap = value
		case "Package":
			p.pkg = value
		case "Test":
			p.test = value
		default:
			return nil, fmt.Errorf("unknown header %q", key)
		}
	}
	switch {
	case p.check == "" || p.pkg == "" || p.test == "":
		return nil, errors.New("headers Check, Package and Test are required")
	case len(p.files) == 0:
		return nil, errors.New("changes no file")
	case slices.ContainsFunc(p.files, func(f string) bool { return !filepath.IsLocal(f) || strings.HasSuffix(f, "_test.go") }):
		return nil, errors.New("may change only the tree's own code, and no test")
	}
	if _, err := regexp.Compile(p.test); err != nil {
		return nil, err
	}
	return p, nil
}

// traps is how many well-known mistakes TRAPS.md lists.
const traps = 40

var trapRow = regexp.MustCompile(`^\| (T\d+) \|.*\| ([^|]+) \|$`)

// checkTraps requires that the table at path has one row for each trap, in
// order, and that its last column either names patches (`a`, `b`) that exist
// and carry that trap's number, or says in words why the trap cannot exist in
// this code; and that each patch with a number is named there.
func checkTraps(path string, patches []*patch) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	byName := map[string]*patch{}
	for _, p := range patches {
		byName[p.name] = p
	}
	named := map[string]bool{}
	n := 0
	s := bufio.NewScanner(f)
	for s.Scan() {
		row := trapRow.FindStringSubmatch(s.Text())
		if row == nil {
			continue
		}
		n++
		if want := fmt.Sprintf("T%d", n); row[1] != want {
			return fmt.Errorf("%s: row %d is %s", path, n, row[1])
		}
		if !strings.HasPrefix(row[2], "`") {
			continue
		}
		for name := range strings.SplitSeq(row[2], ", ") {
			name = strings.Trim(name, "`")
			p := byName[name]
			if p == nil || p.trap != row[1] {
				return fmt.Errorf("%s: %s: no patch %q that says Trap: %s", path, row[1], name, row[1])
			}
			named[name] = true
		}
	}
	if n != traps {
		return fmt.Errorf("%s: has %d rows, not %d", path, n, traps)
	}
	for _, p := range patches {
		if p.trap != "" && !named[p.name] {
			return fmt.Errorf("%s: row %s does not name %s", path, p.trap, p.name)
		}
	}
	return s.Err()
}
