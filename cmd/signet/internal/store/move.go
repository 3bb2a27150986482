package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/seed-77d61853/signet/cmd/signet/internal/text"
	"github.com/seed-77d61853/signet/keystore"
)

// A move gives a store another root, and with it another vault, in the same
// folder and under the same lock:
//
//	move.yaml is there ──> new root, new vault ──> store.yaml names them: moved
//	   └── given up: the new ones go ──┐   the old ones go ──┘
//	                                   └── move.yaml goes
//
// store.yaml alone says which root and vault are the store's, so whatever the
// moment of a crash, one pair is whole. move.yaml says whose remains the other
// pair is.
const moveFile = "move.yaml"

type moveNote struct {
	From Header `yaml:"from"`
	To   Header `yaml:"to"`
}

// whole tells whether a note can be that of a move.
func (n moveNote) whole() bool {
	from, to := n.From.Generation, n.To.Generation
	return n.From.ID == n.To.ID && from >= 0 && to >= 0 && (to-from == 1 || from-to == 1)
}

// BeginMove notes that the store moves to the root that h describes, and returns
// the store as it will be, in files of its own. Its root and vault are the
// caller's to make; it shares the lock of s and must not be closed. It fails
// where another move has left something: see Leftover.
func (s *Store) BeginMove(h Header) (*Store, error) {
	if _, err := os.Lstat(filepath.Join(s.Path, moveFile)); err == nil {
		return nil, fmt.Errorf("begin move: another one is not settled: %w", fs.ErrExist)
	}
	h.Version, h.ID, h.Profile, h.Copyable, h.Created = s.Version, s.ID, s.Profile, s.Copyable, s.Created
	h.Generation = s.Generation + 1
	if err := s.write(moveFile, moveNote{From: s.Header, To: h}); err != nil {
		return nil, fmt.Errorf("begin move: %w", err)
	}
	return &Store{Header: h, Path: s.Path}, nil
}

// Switch makes a store that BeginMove gave, whose root and vault are complete,
// the one that is found from now on: in one step, and durably.
func (s *Store) Switch(to *Store) error {
	if err := s.write(headerFile, to.Header); err != nil {
		return fmt.Errorf("move store: %w", err)
	}
	s.Header = to.Header
	return nil
}

// Leftover returns what a move has left of the store that is not in use any
// more, where moved, or not yet; nil where there is nothing.
func (s *Store) Leftover() (left *Store, moved bool, err error) {
	name := filepath.Join(s.Path, moveFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read what a move has left: %w", err)
	}
	var note moveNote
	if err := text.Unmarshal(b, &note, true); err != nil || !note.whole() {
		return nil, false, fmt.Errorf("%s: %w", name, keystore.ErrCorrupt)
	}
	if note.From.ID != s.ID {
		return nil, false, fmt.Errorf("%s is not of this store: %w", name, keystore.ErrCorrupt)
	}
	switch s.Generation {
	case note.From.Generation:
		return &Store{Header: note.To, Path: s.Path}, false, nil
	case note.To.Generation:
		return &Store{Header: note.From, Path: s.Path}, true, nil
	}
	return nil, false, fmt.Errorf("%s is not of this store: %w", name, keystore.ErrCorrupt)
}

// Clear removes what Leftover returned. What forget destroys, the root's secrets
// outside of the folder, goes first. Repeatable.
func (s *Store) Clear(left *Store, forget func(*Store) error) error {
	if left.RootPath() == s.RootPath() || left.VaultPath() == s.VaultPath() {
		return errors.New("clear up after a move: the store is in use")
	}
	if err := forget(left); err != nil {
		return fmt.Errorf("clear up after a move: %w", err)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return fmt.Errorf("clear up after a move: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		if left.owns(e.Name()) && !s.owns(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names) // the root first
	for _, name := range append(names, moveFile) {
		if err := os.Remove(filepath.Join(s.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear up after a move: %w", err)
		}
	}
	return syncDir(s.Path)
}

// owns tells whether a file belongs to root or vault of this generation: its
// name, maybe with an ending that is not a generation's.
func (s *Store) owns(name string) bool {
	name = strings.TrimPrefix(name, ".")
	for _, own := range []string{filepath.Base(s.VaultPath()), filepath.Base(s.RootPath())} {
		rest, ok := strings.CutPrefix(name, own)
		if ok && (rest == "" || rest[0] == '.' && (len(rest) < 2 || rest[1] < '0' || rest[1] > '9')) {
			return true
		}
	}
	return false
}

// write replaces a file of the folder, at once and durably.
func (s *Store) write(name string, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	path := filepath.Join(s.Path, name)
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(unfinished, text); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	if err := os.Rename(unfinished, path); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return syncDir(s.Path)
}
