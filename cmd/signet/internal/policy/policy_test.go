package policy

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
)

const whole = `# A comment.
require-hardware-keys: true
forbid-copying: true
forbid-export: true
min-pin-length: 8
rp-ids: ["example.com", "*.example.org", "ssh:"]
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(whole))
	want := Policy{RequireHardwareKeys: true, ForbidCopying: true, ForbidExport: true, MinPINLength: 8, RPIDs: []string{"example.com", "*.example.org", "ssh:"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parsed %+v, %v", got, err)
	}
	if rules := got.Rules(); len(rules) != 5 {
		t.Errorf("rules %v", rules)
	}
	for _, text := range []string{"", "# nothing\n", "forbid-export: false\n"} {
		if got, err := Parse([]byte(text)); err != nil || len(got.Rules()) != 0 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, message := range map[string]string{
		"require-hardware-key: true":                "the rules are require-hardware-keys, forbid-copying and",
		"colour: red":                               "colour",
		"forbid-export: perhaps":                    "forbid-export (true or false)",
		"forbid-export: [":                          "",
		"- forbid-export":                           "",
		"min-pin-length: 3":                         "not in 4..63",
		"min-pin-length: 64":                        "not in 4..63",
		"min-pin-length: -8":                        "not in 4..63",
		"rp-ids: []":                                "no site is listed",
		"rp-ids: [https://a.example/]":              "neither an RP ID",
		"rp-ids: [\"\"]":                            "neither an RP ID",
		"rp-ids: [\"*.\"]":                          "neither an RP ID",
		"rp-ids: [\"*\"]":                           "neither an RP ID",
		"rp-ids: [\"a.*.example\"]":                 "neither an RP ID",
		"forbid-export: true\nforbid-export: false": "",
	} {
		if got, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// A passkey that several rules forbid is one of each.
func TestRestricts(t *testing.T) {
	for restriction, want := range map[authenticator.Restriction]string{
		authenticator.Unrestricted:                                "",
		authenticator.SiteNotAllowed:                              "rp-ids",
		authenticator.KeyNotInChip:                                "require-hardware-keys",
		authenticator.SiteNotAllowed | authenticator.KeyNotInChip: "rp-ids, require-hardware-keys",
	} {
		if got := (Policy{}).Restricts(restriction); got != want {
			t.Errorf("%d: %q, want %q", restriction, got, want)
		}
	}
}

// A policy in doubt is an error, never no policy.
func TestRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etc")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := Source{Path: filepath.Join(dir, "policy.yaml"), Owner: os.Getuid()}
	if p, err := s.Read(); err != nil || !reflect.DeepEqual(p, Policy{}) {
		t.Errorf("without a file: %+v, %v", p, err)
	}
	if err := os.WriteFile(s.Path, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Read(); err != nil || p.Path != s.Path || p.MinPINLength != 8 {
		t.Errorf("read %+v, %v", p, err)
	}
	insecure := func(what string, s Source) {
		t.Helper()
		if p, err := s.Read(); !errors.Is(err, ErrInsecure) {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	chmod := func(path string, mode os.FileMode) {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	insecure("somebody else's", Source{Path: s.Path, Owner: s.Owner + 1})
	for _, mode := range []os.FileMode{0o664, 0o646} {
		chmod(s.Path, mode)
		insecure("file "+mode.String(), s)
	}
	chmod(s.Path, 0o644)
	chmod(dir, 0o777)
	insecure("folder", s)
	chmod(dir, 0o755)
	insecure("a folder", Source{Path: dir, Owner: s.Owner})
	if err := os.WriteFile(s.Path, make([]byte, maxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Read(); err == nil {
		t.Errorf("too long: %+v", p)
	}
}

// TestReadThroughLinks: a link may lead to the policy, but nobody else may have a
// say in where; and one that leads nowhere is not the absence of a policy.
func TestReadThroughLinks(t *testing.T) {
	top := t.TempDir()
	dir, real := filepath.Join(top, "etc", "signet"), filepath.Join(top, "real")
	for _, d := range []string{dir, real, filepath.Join(top, "open")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(top, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(real, "p.yaml")
	if err := os.WriteFile(target, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	s := Source{Path: filepath.Join(dir, "policy.yaml"), Owner: os.Getuid()}
	link := func(to, at string) {
		t.Helper()
		os.Remove(at)
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []string{target, "../../real/p.yaml"} {
		link(to, s.Path)
		if p, err := s.Read(); err != nil || p.Path != s.Path || p.MinPINLength != 8 {
			t.Errorf("through %s: %+v, %v", to, p, err)
		}
	}
	for what, to := range map[string]string{
		"to nothing":            filepath.Join(real, "none"),
		"into no folder":        filepath.Join(top, "none", "p.yaml"),
		"to itself":             s.Path,
		"past a folder of all":  filepath.Join(top, "open", "p.yaml"),
		"over a folder of all":  top + "/open/../real/p.yaml",
		"through a link of all": filepath.Join(top, "open", "real", "p.yaml"),
	} {
		link(real, filepath.Join(top, "open", "real"))
		link(target, filepath.Join(top, "open", "p.yaml"))
		link(to, s.Path)
		if p, err := s.Read(); !errors.Is(err, ErrInsecure) {
			t.Errorf("a link %s: %+v, %v", what, p, err)
		}
	}
	// Folders may be links, too, such as /etc on some systems.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	link(real, dir)
	if p, err := s.Read(); err != nil || p.Path != "" {
		t.Errorf("a folder without a policy, behind a link: %+v, %v", p, err)
	}
	link(filepath.Join(top, "none"), dir)
	if p, err := s.Read(); !errors.Is(err, ErrInsecure) {
		t.Errorf("a folder behind a link to nothing: %+v, %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("rp-ids: [\"*.example.org\"]"))
	f.Add([]byte("min-pin-length: 0x8"))
	f.Add([]byte("rp-ids: !tag text")) // once a panic of the library
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err == nil && (p.MinPINLength < 0 || p.MinPINLength > 63) {
			t.Errorf("%q: %+v", text, p)
		}
	})
}
