package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// files lists a store's folder.
func files(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func touch(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A move that is cut short after any step leaves a store whose root and vault
// are whole, and what has to go is known.
func TestMove(t *testing.T) {
	for _, moved := range []bool{false, true} {
		path := create(t)
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		touch(t, s.VaultPath(), s.RootPath()+".lock")
		if left, _, err := s.Leftover(); left != nil || err != nil {
			t.Errorf("a leftover before any move: %v, %v", left, err)
		}
		to, err := s.BeginMove(Header{Root: RootKeyring})
		if err != nil {
			t.Fatal(err)
		}
		if to.ID != s.ID || to.Profile != s.Profile || to.Copyable != s.Copyable || to.RootPath() == s.RootPath() || to.VaultPath() == s.VaultPath() {
			t.Errorf("moves to %+v", to.Header)
		}
		if _, err := s.BeginMove(Header{Root: RootTPM}); err == nil {
			t.Error("two moves at once")
		}
		touch(t, to.RootPath(), to.VaultPath(), to.RootPath()+".lock", to.VaultPath()+".new")
		if moved {
			if err := s.Switch(to); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()

		if s, err = Open(path); err != nil {
			t.Fatal(err)
		}
		left, done, err := s.Leftover()
		if err != nil || left == nil || done != moved || left.Generation == s.Generation {
			t.Fatalf("left %v, moved %v, %v", left, done, err)
		}
		if want := map[bool]string{false: RootFile, true: RootKeyring}[moved]; s.Root != want {
			t.Errorf("the store's root is %s, want %s", s.Root, want)
		}
		busy := errors.New("busy")
		if err := s.Clear(left, func(*Store) error { return busy }); !errors.Is(err, busy) {
			t.Errorf("clear = %v", err)
		}
		if err := s.Clear(left, func(*Store) error { return nil }); err != nil {
			t.Fatal(err)
		}
		want := []string{"lock", "root", "root.lock", "store.yaml", "vault.db"}
		if moved {
			want = []string{"lock", "root.1", "root.1.lock", "store.yaml", "vault.db.1", "vault.db.1.new"}
		}
		if got := files(t, path); !slices.Equal(got, want) {
			t.Errorf("moved %v: the folder holds %q, want %q", moved, got, want)
		}
		if left, _, err := s.Leftover(); left != nil || err != nil {
			t.Errorf("still left: %v, %v", left, err)
		}
		if err := s.Clear(s, func(*Store) error { return nil }); err == nil {
			t.Error("cleared the store in use")
		}
		if err := s.Destroy(func(*Store) error { return nil }); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

// A store of generation 1 is told from one of generation 10.
func TestOwns(t *testing.T) {
	for name, want := range map[string][]int{
		"root": {0}, "root.lock": {0}, ".root.tmp": {0}, "root.1": {1}, "root.1.lock": {1}, "root.10": {10}, "root.10.new": {10},
		"vault.db": {0}, "vault.db.new": {0}, "vault.db.1": {1}, "vault.db.10.new": {10}, "store.yaml": nil, "lock": nil, "rootkit": nil,
	} {
		var got []int
		for _, generation := range []int{0, 1, 10} {
			if s := (&Store{Header: Header{Generation: generation}}); s.owns(name) {
				got = append(got, generation)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is of %v, want %v", name, got, want)
		}
	}
}

func TestLeftoverRefusesDamage(t *testing.T) {
	path := create(t)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	note := func(from, to string) string { return "from: " + from + "\nto: " + to + "\n" }
	own := func(generation string) string { return "{id: " + s.ID + ", generation: " + generation + "}" }
	for _, text := range []string{
		"", "x",
		note(own("0"), "{colour: red, generation: 1}"),
		note(own("7"), own("8")),  // of neither generation
		note(own("0"), own("-1")), // the files of which are those in use
		note(own("-1"), own("0")),
		note(own("0"), own("2")), // not one move
		note(own("0"), own("0")), // none
		note(own("0"), "{generation: 1}"),
		note("{generation: 0}", "{generation: 1}"), // another store's
	} {
		if err := os.WriteFile(filepath.Join(path, moveFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Leftover(); !errors.Is(err, keystore.ErrCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What names the files in use is not cleared, whatever it says it is.
func TestClearLeavesWhatIsUsed(t *testing.T) {
	s := made(t)
	for _, generation := range []int{0, -1} {
		forgotten := false
		err := s.Clear(&Store{Header: Header{Generation: generation}, Path: s.Path}, func(*Store) error { forgotten = true; return nil })
		if err == nil || forgotten {
			t.Errorf("cleared generation %d: %v", generation, err)
		}
	}
	if got := files(t, s.Path); !slices.Equal(got, []string{"lock", "root", "store.yaml", "vault.db"}) {
		t.Errorf("left %q", got)
	}
}
