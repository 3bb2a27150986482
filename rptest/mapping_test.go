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
		"base: x\nsteps: \"\x1b[2J\"":     "byte 16 begins a control character",
		"\u009b2J: x":                     "byte 0 begins a control character",
		strings.Repeat("#", maxMapping+1): "longer than 128 KiB",
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

// What a mapping lacks, or says twice, is an error that names the place.
func TestMappingCheck(t *testing.T) {
	change := map[string]func(m *Mapping){
		"steps has no login.finish":                     func(m *Mapping) { delete(m.Steps, LogInFinish) },
		`step "log.out" is none of`:                     func(m *Mapping) { m.Steps["log.out"] = m.Steps[LogInFinish] },
		"step logout: no requests":                      func(m *Mapping) { m.Steps[LogOut] = StepMapping{} },
		"step login.begin: options does not say":        func(m *Mapping) { s := m.Steps[LogInBegin]; s.Options = ""; m.Steps[LogInBegin] = s },
		`step whoami: "user" does not say where`:        func(m *Mapping) { m.Steps[WhoAmI] = StepMapping{Requests: []RequestMapping{{Get: "/"}}, User: "user"} },
		"step logout: request 2: one of get, post, put": func(m *Mapping) { m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Get: "/"}, {}}} },
		"step logout: request 1: one of get, post, put": func(m *Mapping) { m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Get: "/", Post: "/"}}} },
		"request 1: json and form exclude each other": func(m *Mapping) {
			m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Post: "/", JSON: "x", Form: map[string]string{"a": "b"}}}}
		},
		"request 1: \"text a\" has no group": func(m *Mapping) {
			m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Post: "/", Save: map[string]Extraction{"a": "text a"}}}}
		},
		`step "register.start" is none of`: func(m *Mapping) {
			m.Steps["register.start"] = m.Steps[RegisterBegin]
			delete(m.Steps, RegisterBegin)
		},
		"step logout: refused: status is missing": func(m *Mapping) {
			m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Get: "/"}}, Refused: Acceptance{Has: "json code"}}
		},
		"step logout: refused: status 400 is not from 500 to 599": func(m *Mapping) {
			m.Steps[LogOut] = StepMapping{Requests: []RequestMapping{{Get: "/"}}, Refused: Acceptance{Status: []int{500, 400}}}
		},
		"step login.finish: refused: status 429 is no refusal": func(m *Mapping) {
			s := m.Steps[LogInFinish]
			s.Refused.Status = []int{429}
			m.Steps[LogInFinish] = s
		},
		`base "login.example" is not like`:   func(m *Mapping) { m.Base = "login.example" },
		`origin "login.example" is not like`: func(m *Mapping) { m.Origin = "login.example" },
	}
	for want, f := range change {
		m := FIDO()
		f(m)
		if err := m.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := FIDO().check(); err != nil {
		t.Errorf("the FIDO profile: %v", err)
	}
}
