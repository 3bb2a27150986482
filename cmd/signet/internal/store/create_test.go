package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestCreateLeavesNothingHalfMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default")
	broken := errors.New("disk full")
	_, err := Create(path, header, nothing, func(s *Store) error {
		os.WriteFile(s.VaultPath(), []byte("half"), 0o600)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("Create = %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// remains makes what a Create that was killed leaves.
func remains(t *testing.T, path string, names ...string) {
	t.Helper()
	text, err := yaml.Marshal(Header{Version: Version, Root: RootTPM, TPM: "/dev/tpm7", Profile: ProfilePlatform})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content := []byte("old")
		if name == unfinishedFile {
			content = text
		}
		if err := os.WriteFile(filepath.Join(path, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What an earlier Create has left goes, wherever it was killed; its root first,
// which may be of another kind.
func TestCreateClearsACrashedOne(t *testing.T) {
	for _, left := range [][]string{
		{},
		{unfinishedFile + ".new"},
		{unfinishedFile},
		{unfinishedFile, lockFile},
		{unfinishedFile, lockFile, "root", "root.lock"},
		{unfinishedFile, lockFile, "root", "root.lock", "vault.db", headerFile},
	} {
		path := filepath.Join(t.TempDir(), "default")
		remains(t, path+".new", left...)
		var forgotten *Store
		s, err := Create(path, header, func(s *Store) error { forgotten = s; return nil }, func(s *Store) error {
			if got := files(t, s.Path); !slices.Equal(got, []string{lockFile, unfinishedFile}) {
				t.Errorf("left %q: built among %q", left, got)
			}
			return nil
		})
		if err != nil {
			t.Errorf("left %q: %v", left, err)
			continue
		}
		if rooted := slices.Contains(left, "root"); rooted != (forgotten != nil) || rooted && (forgotten.TPM != "/dev/tpm7" || forgotten.RootPath() != filepath.Join(path+".new", "root")) {
			t.Errorf("left %q: forgot %+v", left, forgotten)
		}
		s.Close()
	}
}

// While the secrets of a crashed one cannot be destroyed, its file stays.
func TestCreateForgetsFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default")
	remains(t, path+".new", unfinishedFile, "root")
	broken := errors.New("no chip")
	if _, err := Create(path, header, func(*Store) error { return broken }, nothing); !errors.Is(err, broken) {
		t.Errorf("Create = %v", err)
	}
	if _, err := os.Stat(filepath.Join(path+".new", "root")); err != nil {
		t.Error(err)
	}
}

// What only has the name of a folder to build in is left as it is.
func TestCreateLeavesOthersFolders(t *testing.T) {
	letter := func(folder string) error { return os.WriteFile(filepath.Join(folder, "letter.txt"), nil, 0o600) }
	for name, prepare := range map[string]func(site string) error{
		"somebody's letters": func(site string) error { return errors.Join(os.Mkdir(site, 0o700), letter(site)) },
		"a whole store": func(site string) error {
			s, err := Create(site, header, nothing, nothing)
			return errors.Join(err, s.Close(), os.WriteFile(s.RootPath(), []byte("root"), 0o600))
		},
		"a link to a folder": func(site string) error {
			return errors.Join(os.Mkdir(site+".d", 0o700), letter(site+".d"), os.Symlink(site+".d", site))
		},
		"a link to remains": func(site string) error {
			remains(t, site+".d", unfinishedFile)
			return os.Symlink(site+".d", site)
		},
		"remains among letters": func(site string) error {
			remains(t, site, unfinishedFile, "root")
			return letter(site)
		},
		"remains that others can change": func(site string) error {
			remains(t, site, unfinishedFile, "root")
			return os.Chmod(site, 0o750)
		},
		"remains without a header": func(site string) error {
			remains(t, site, "root")
			return os.WriteFile(filepath.Join(site, unfinishedFile), nil, 0o600)
		},
		"a file": func(site string) error { return os.WriteFile(site, []byte("letter"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "default")
			site := path + ".new"
			if err := prepare(site); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(site)
			if err != nil {
				t.Fatal(err)
			}
			var before []string
			if info.IsDir() {
				before = files(t, site)
			}
			s, err := Create(path, header, nothing, nothing)
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("Create = %v", err)
				if err == nil {
					s.Close()
				}
			}
			if info.IsDir() && !slices.Equal(files(t, site), before) {
				t.Errorf("%q became %q", before, files(t, site))
			}
		})
	}
}

// What the last step of a Create has left goes when the store is opened.
func TestOpenFinishesCreate(t *testing.T) {
	path := create(t)
	touch(t, filepath.Join(path, unfinishedFile))
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := files(t, path); !slices.Equal(got, []string{"lock", "root", "store.yaml"}) {
		t.Errorf("the folder holds %q", got)
	}
}

// Nothing is written through a link, nor into a folder that others can put a
// link into.
func TestOpenWritesNowhereElse(t *testing.T) {
	path, precious := create(t), filepath.Join(t.TempDir(), "precious")
	lock := filepath.Join(path, lockFile)
	refused := func(what string) {
		t.Helper()
		if s, err := Open(path); err == nil {
			t.Errorf("%s: opened", what)
			s.Close()
		}
		if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
			t.Errorf("%s: overwritten with %q, %v", what, b, err)
		}
	}
	if err := errors.Join(os.WriteFile(precious, []byte("precious"), 0o600), os.Remove(lock), os.Symlink(precious, lock)); err != nil {
		t.Fatal(err)
	}
	refused("a link in place of the lock")
	for _, mode := range []fs.FileMode{0o770, 0o707, 0o720} {
		if err := errors.Join(os.Remove(lock), os.Chmod(path, mode)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		refused("a folder of mode " + mode.String())
		if _, err := os.Lstat(lock); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("made a lock in a folder of mode %v: %v", mode, err)
		}
	}
}
