package signet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The shape of the house is a test. Rules hold for what is built, not for
// tests.

const module = "github.com/seed-77d61853/signet"

// imports lists, for each folder, what of this module and of others its files
// may import. The first row that matches counts; "/..." also matches what is
// below.
var imports = []struct {
	folder string
	ours   []string // folders
	theirs []string // modules or packages
	why    string
}{
	{"cmd/...", []string{"..."}, []string{"..."},
		"programs put everything together"},
	{"internal/patience", nil, nil,
		"waiting is the same for all"},
	{"internal/...", nil, nil,
		"tools that build and prove this tree stand beside it"},
	{"bench/...", []string{"..."}, []string{"go.etcd.io/bbolt", "github.com/google/go-tpm", "github.com/descope/virtualwebauthn"},
		"benchmarks measure everything, a bare database and a bare chip as the references, and a peer"},
	{".", nil, nil,
		"the root package only points to the others"},

	{"consent/...", []string{"authenticator", "keystore", "ctap"}, []string{"golang.org/x/net/idna", "golang.org/x/term", "golang.org/x/sys"},
		"who asks the person knows the question, not the device behind it"},
	{"rptest/attest", []string{"ctap"}, []string{"github.com/fxamacker/cbor/v2", "github.com/google/go-tpm", "filippo.io/keygen", "golang.org/x/crypto"},
		"statements are made of keys and bytes, whatever device they are said to be of"},
	{"rptest/brokenrp", []string{"ctap"}, []string{"github.com/fxamacker/cbor/v2", "github.com/google/go-tpm", "github.com/decred/dcrd/dcrec/secp256k1/v4"},
		"a relying party that judges what we make shares nothing with how it is made"},
	{"rptest/explain", []string{"rptest/ceremony", "ctap"}, []string{"github.com/fxamacker/cbor/v2", "github.com/google/go-tpm"},
		"what responses say does not depend on who made them"},
	{"rptest/...", []string{"internal/patience", "rptest", "rptest/ceremony", "rptest/attest", "rptest/explain", "client", "authenticator", "keystore", "keystore/software", "ctap", "ctap/pinuv"},
		[]string{"github.com/fxamacker/cbor/v2", "github.com/goccy/go-yaml", "golang.org/x/net/publicsuffix"},
		"a test's devices are the engine and the client half, and faults"},
	{"client/...", []string{"ctap", "ctap/pinuv", "ctap/hid", "ctap/apdu", "internal/patience"}, []string{"github.com/fxamacker/cbor/v2", "golang.org/x/net", "golang.org/x/text"},
		"the client drives any authenticator, so it must not know ours"},
	{"authenticator", []string{"keystore", "keystore/memory", "ctap", "ctap/pinuv", "internal/patience"}, []string{"golang.org/x/text"},
		"the device is the same behind every door and over every root"},

	{"transport/...", []string{"ctap", "ctap/hid", "ctap/apdu", "ctap/hybrid"}, []string{"golang.org/x/sys"},
		"a door knows framings, never a root or the device"},

	{"keystore", []string{"ctap"}, nil,
		"contracts speak the wire's algorithms and nothing else of ours"},
	{"keystore/keyring/...", []string{"keystore", "keystore/file", "keystore/software"}, []string{
		"github.com/zalando/go-keyring", "github.com/godbus/dbus/v5"},
		"a root in the keyring is a root file whose key lies there"},
	{"keystore/...", []string{"keystore", "keystore/software", "keystore/arena", "ctap"}, []string{
		"filippo.io/keygen", "github.com/decred/dcrd/dcrec/secp256k1/v4", "github.com/gofrs/flock",
		"github.com/google/renameio/v2", "go.etcd.io/bbolt", "golang.org/x/crypto", "golang.org/x/sys"},
		"a root or vault keeps the contract and knows nothing of the device"},
	{"tpm/...", []string{"keystore", "keystore/software", "keystore/arena", "keystore/file", "ctap"}, []string{"github.com/google/go-tpm", "github.com/gofrs/flock", "golang.org/x/sys"},
		"a root keeps the contract, writes files as the file root does, and knows nothing of the device"},

	{"ctap", nil, []string{"github.com/fxamacker/cbor/v2"},
		"everything stands on the wire, so the wire stands on nothing"},
	{"ctap/hid/hidtest", []string{"ctap", "ctap/hid"}, nil,
		"a fake stands beside its edge"},
	{"ctap/...", []string{"ctap"}, []string{"github.com/fxamacker/cbor/v2"},
		"framings and PIN protocols carry the wire's messages"},
}

// banned lists what of the standard library a folder may not import.
var banned = []struct {
	folder   string
	packages []string // and all below them
	why      string
}{
	{"authenticator", []string{"net", "os", "database", "syscall"}, "the device has no I/O of its own"},
	{"ctap/...", []string{"net", "os", "database", "syscall"}, "the wire is bytes and structs, framings are byte machines"},
	{"keystore", []string{"net", "os", "database", "syscall"}, "contracts do nothing"},
	{"keystore/memory", []string{"net", "os", "database", "syscall"}, "the twins live in memory"},
}

func TestHouseImports(t *testing.T) {
	unused := map[string]bool{}
	for _, row := range imports {
		unused[row.folder] = true
	}
	for folder, files := range house(t) {
		for _, row := range imports {
			if within(folder, row.folder) {
				delete(unused, row.folder)
				break
			}
		}
		for _, f := range files {
			for _, imported := range f.imports() {
				if why := forbidden(folder, imported); why != "" {
					t.Errorf("%s imports %s: %s", f.path, imported, why)
				}
			}
		}
	}
	for folder := range unused {
		t.Errorf("the row of %s counts for no folder", folder)
	}
}

// forbidden gives the reason why a folder may not import a package; empty where
// it may.
func forbidden(folder, imported string) (why string) {
	for _, b := range banned {
		if within(folder, b.folder) && below(imported, b.packages) {
			return b.why
		}
	}
	for _, row := range imports {
		if !within(folder, row.folder) {
			continue
		}
		our, isOurs := strings.CutPrefix(imported, module+"/")
		domain, _, _ := strings.Cut(imported, "/")
		switch {
		case isOurs && strings.HasPrefix(our, "cmd/") && !strings.HasPrefix(folder, "cmd/"):
			return "nothing imports a program"
		case isOurs && !slices.ContainsFunc(row.ours, func(p string) bool { return within(our, p) }):
			return row.why
		case !isOurs && strings.Contains(domain, ".") && !below(imported, row.theirs):
			return row.why
		}
		return ""
	}
	return "no row of the table says what " + folder + " may import"
}

// within reports whether a folder is the pattern, or below a pattern that ends
// in "/...".
func within(folder, pattern string) bool {
	top, open := strings.CutSuffix(pattern, "/...")
	return pattern == "..." || folder == top || open && strings.HasPrefix(folder, top+"/")
}

// below reports whether a package is one of the given ones or below one.
func below(pkg string, all []string) bool {
	return slices.ContainsFunc(all, func(p string) bool {
		return p == "..." || pkg == p || strings.HasPrefix(pkg, p+"/")
	})
}

// The table is worth what it refuses.
func TestHouseForbidden(t *testing.T) {
	for _, test := range []struct {
		folder, imported string
		ok               bool
	}{
		{"authenticator", "crypto/sha256", true},
		{"authenticator", module + "/ctap/pinuv", true},
		{"authenticator", "net", false},
		{"authenticator", "net/http", false},
		{"authenticator", "os/exec", false},
		{"authenticator", "go.etcd.io/bbolt", false},
		{"authenticator", module + "/ctap/hid", false},
		{"authenticator", module + "/keystore/file", false},
		{"client", module + "/authenticator", false},
		{"client", "net/http", true},
		{"transport/stream", module + "/authenticator", false},
		{"transport/stream", module + "/keystore", false},
		{"keystore/file", module + "/authenticator", false},
		{"keystore", module + "/keystore/memory", false},
		{"ctap", module + "/keystore", false},
		{"ctap/hid", "net", false},
		{"bench", module + "/cmd/signet/internal/store", false},
		{"cmd/signet", module + "/cmd/signet/internal/store", true},
		{"cmd/signet", "github.com/spf13/cobra", true},
		{"elsewhere", "fmt", false},
	} {
		if why := forbidden(test.folder, test.imported); (why == "") != test.ok {
			t.Errorf("%s imports %s: %q", test.folder, test.imported, why)
		}
	}
}

// Names that say nothing of what a package holds.
var empty = regexp.MustCompile(`^(utils?|common|helpers?|managers?|misc|base|shared|types)$`)

func TestHouseComments(t *testing.T) {
	for folder, files := range house(t) {
		if empty.MatchString(files[0].ast.Name.Name) {
			t.Errorf("%s: package %s: name it after what it holds", folder, files[0].ast.Name.Name)
		}
		if !slices.ContainsFunc(files, func(f file) bool { return f.ast.Doc != nil }) {
			t.Errorf("%s: no file has a package comment", folder)
		}
		for _, f := range files {
			for i, decl := range f.ast.Decls {
				// One comment may stand above several one-line functions.
				if i > 0 && f.line(decl.Pos()) == f.line(f.ast.Decls[i-1].End())+1 {
					continue
				}
				for _, name := range undocumented(decl) {
					t.Errorf("%s: %s is exported and has no comment", f.at(decl), name)
				}
			}
		}
	}
}

// undocumented lists the exported names that a declaration leaves without a
// comment. A comment on a group of values counts for all of them, and error's
// method needs none.
func undocumented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		method := d.Recv != nil && (!ast.IsExported(receiver(d)) || d.Name.Name == "Error")
		if d.Name.IsExported() && d.Doc == nil && !method {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// endings lists the functions that may panic: each is given constants, so no
// input reaches it.
var endings = map[string]string{
	"ctap/cbor.go must": "options of the CBOR library, which are constants",
}

func TestHouseEndings(t *testing.T) {
	for folder, files := range house(t) {
		if strings.HasSuffix(folder, "test") {
			continue
		}
		for _, f := range files {
			if f.ast.Name.Name == "main" && path.Base(f.path) == "main.go" {
				continue
			}
			for _, decl := range f.ast.Decls {
				d, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: init runs where nobody asked for it", f.at(d))
				}
				if endings[f.path+" "+d.Name.Name] != "" {
					continue
				}
				for _, call := range fatal(d) {
					t.Errorf("%s: return an error: only main.go ends the process", f.at(call))
				}
			}
		}
	}
}

// fatal lists the calls in a function that end the process.
func fatal(d *ast.FuncDecl) (calls []ast.Node) {
	ast.Inspect(d, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch f := call.Fun.(type) {
		case *ast.Ident:
			if f.Name == "panic" {
				calls = append(calls, call)
			}
		case *ast.SelectorExpr:
			pkg, ok := f.X.(*ast.Ident)
			if ok && (pkg.Name == "os" && f.Sel.Name == "Exit" ||
				pkg.Name == "log" && (strings.HasPrefix(f.Sel.Name, "Fatal") || strings.HasPrefix(f.Sel.Name, "Panic"))) {
				calls = append(calls, call)
			}
		}
		return true
	})
	return calls
}

// A file may be longer than this where a comment in its first lines says why:
// "This file is long: ...".
const longest = 400

func TestHouseLength(t *testing.T) {
	for folder, files := range house(t) {
		if strings.HasSuffix(folder, "test") {
			continue
		}
		for _, f := range files {
			lines := strings.Split(string(f.text), "\n")
			if len(lines) > longest && !strings.Contains(strings.Join(lines[:30], "\n"), "// This file is long: ") {
				t.Errorf("%s has %d lines: split it, or say at its top why it is long", f.path, len(lines))
			}
		}
	}
}

// go install of a module at a version refuses replaced modules.
func TestHouseModule(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^(replace|exclude)\b`).Match(text) {
		t.Error("go.mod replaces or excludes a module, so go install cannot take it")
	}
}

type file struct {
	path string // from the module's root, with slashes
	ast  *ast.File
	fset *token.FileSet
	text []byte
}

func (f file) imports() (paths []string) {
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

func (f file) line(p token.Pos) int { return f.fset.Position(p).Line }

func (f file) at(n ast.Node) string { return f.path + ":" + strconv.Itoa(f.line(n.Pos())) }

// house parses every Go file of the module that is not a test, for whatever
// system it is, by folder.
func house(t *testing.T) map[string][]file {
	t.Helper()
	files := map[string][]file{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		if d.IsDir() {
			name := d.Name()
			if p != "." && (name == "testdata" || strings.HasPrefix(name, ".") || exists(p+"/go.mod")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files[path.Dir(p)] = append(files[path.Dir(p)], file{p, tree, fset, text})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("found %d packages", len(files))
	}
	return files
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}
