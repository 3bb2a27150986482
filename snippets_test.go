package signet_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// snippetImports are what snippets may use, by the names that they have in them.
var snippetImports = []string{
	"context", "crypto/x509", "encoding/json", "errors", "net/http", "net/http/httptest", "os", "testing", "time",
	module + "/authenticator", module + "/client", module + "/consent", module + "/ctap", module + "/ctap/hid",
	module + "/rptest", module + "/rptest/attest", module + "/rptest/explain", module + "/rptest/report", module + "/transport/stream",
}

// snippetNames are what a reader has: the text around a snippet tells of it.
const snippetNames = `
var (
	ctx     context.Context
	t       *testing.T
	app     http.Handler
	device  *authenticator.Authenticator
	channel client.Device
	d       *rptest.Device
	u       *rptest.User

	creationOptionsJSON, requestOptionsJSON []byte
)

func newApp(*testing.T) http.Handler
func askForPIN() ([]byte, error)
`

// snippet makes a file of a snippet: a file as it is, declarations, or what stands
// in a function.
func snippet(code string) string {
	if strings.HasPrefix(code, "package ") {
		return code
	}
	var b strings.Builder
	b.WriteString("package snippet\n")
	for _, p := range snippetImports {
		fmt.Fprintf(&b, "import %q\n", p)
	}
	b.WriteString(snippetNames)
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+code, parser.SkipObjectResolution); err != nil {
		code = "func _() {\n" + code + "}\n"
	}
	return b.String() + code
}

// faults type-checks a snippet. What a snippet leaves unused the reader will use.
func faults(imports types.Importer, fset *token.FileSet, name, code string) (all []error) {
	file, err := parser.ParseFile(fset, name, snippet(code), parser.SkipObjectResolution)
	if err != nil {
		return []error{err}
	}
	config := types.Config{Importer: imports, Error: func(err error) {
		var fault types.Error
		if !errors.As(err, &fault) || !strings.Contains(fault.Msg, "and not used") {
			all = append(all, err)
		}
	}}
	_, _ = config.Check("snippet", fset, []*ast.File{file}, nil) // Error was told
	return all
}

// compiled imports packages as the go command built them.
func compiled(t *testing.T, fset *token.FileSet) types.Importer {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, snippetImports...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[name] = file
	}
	return importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) { return os.Open(files[name]) })
}

// The Go that documents show compiles.
func TestDocumentedGo(t *testing.T) {
	fset := token.NewFileSet()
	imports := compiled(t, fset)
	seen := 0
	for _, p := range documents(t) {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range goBlock.FindAllSubmatch(text, -1) {
			seen++
			name := fmt.Sprintf("%s-%d.go", path.Base(p), i+1)
			for _, err := range faults(imports, fset, name, string(m[1])) {
				t.Errorf("%s: block %d does not compile: %v\n%s", p, i+1, err, m[1])
			}
		}
	}
	if seen == 0 {
		t.Error("there is no Go, or it is not seen")
	}
	for code, want := range map[string]string{
		"d.Next().Shrug()\n": "Shrug", "rp := 1\nrp := 2\n": "no new variables", "x := u.Device.\n": "expected",
		"func f() int { return ctx }\n": "int", "x := 1\n": "",
	} {
		got := errors.Join(faults(imports, fset, "x.go", code)...)
		if (got == nil) != (want == "") || got != nil && !strings.Contains(got.Error(), want) {
			t.Errorf("%q: %v, want %q", code, got, want)
		}
	}
}
