package rptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Texts that are no mappings are errors, those too on which the YAML library panics.
func TestParseMappingErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "mapping: ",
		"hosts: !tag text":                "not YAML that can be understood",
		"hosts: [":                        "mapping: ",
		"base: http://localhost\nurl: x":  `unknown field "url"`,
		"base: http://localhost\nbase: x": `"base" already defined`,
		"base: http://localhost":          "steps has no register.begin",
		strings.Repeat("#", maxMapping+1): "longer than 1 MiB",
	} {
		if _, err := ParseMapping(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// FuzzParseMapping: any text is a mapping with the four ceremonies, or an error.
func FuzzParseMapping(f *testing.F) {
	mapping, err := os.ReadFile(filepath.Join("testdata", "mappings", "brokenrp.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(mapping), "", "hosts: !tag text", "steps: {register.begin: {requests: []}}", "a: &x [*x]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMapping(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, step := range []Step{RegisterBegin, RegisterFinish, LogInBegin, LogInFinish} {
			if len(m.Steps[step].Requests) == 0 {
				t.Errorf("%s is missing", step)
			}
		}
	})
}
