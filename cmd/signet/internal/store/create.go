package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/cmd/signet/internal/text"
)

// A store is built beside its place:
//
//	path.new ──> unfinished.yaml ──> root, vault, store.yaml ──> is path ──> unfinished.yaml goes
//	    └── cut short ──┴── the next Create goes on from an empty folder
//
// unfinished.yaml is the header of the store to be. It tells a folder that was
// left half made from one that only has its name, which is left alone.
const unfinishedFile = "unfinished.yaml"

// Create makes a store at path and leaves it locked. It is built beside its
// place and moved there once build has filled it, so that path holds a whole
// store or nothing. What one that was cut short has left there is removed first,
// after forget has destroyed what its root keeps outside of the folder; anything
// else that is there is fs.ErrExist. Version, ID and Created of h are set here.
func Create(path string, h Header, forget, build func(*Store) error) (*Store, error) {
	if there, err := Exists(path); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("make store: %s: %w", path, fs.ErrExist)
	}
	h.Version, h.ID, h.Created = Version, newID(), time.Now().UTC().Truncate(time.Second)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	s := &Store{Header: h, Path: path + ".new"}
	if err := s.prepare(forget); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	if err := s.fill(path, build); err != nil {
		return nil, errors.Join(err, s.Close(), os.RemoveAll(s.Path))
	}
	s.Path = path
	return s, nil
}

// prepare makes and locks the folder to build in, or takes one that a Create has
// left.
func (s *Store) prepare(forget func(*Store) error) error {
	var left *Store
	err := os.Mkdir(s.Path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		left, err = s.remains()
	}
	if err == nil && left == nil {
		err = s.write(unfinishedFile, s.Header)
	}
	if err != nil {
		return err
	}
	if s.lock, err = acquire(filepath.Join(s.Path, lockFile)); err != nil {
		return err
	}
	if err := s.clear(forget); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// remains tells whether what stands in the place to build in is what a Create has
// left: the store that it was to be, or nil where it did not get that far.
func (s *Store) remains() (*Store, error) {
	foreign := fmt.Errorf("%s, where it is built, is there, and no signet init has left it: move it elsewhere: %w", s.Path, fs.ErrExist)
	info, err := os.Lstat(s.Path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, foreign
	}
	if err := access.CheckOwned(s.Path, info, 0o077); err != nil {
		return nil, errors.Join(foreign, err)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(entries, begun) {
		return nil, nil
	}
	for _, e := range entries {
		if e.Name() != lockFile && !ours(e.Name(), e.Type()) {
			return nil, foreign
		}
	}
	left := &Store{Path: s.Path}
	name := filepath.Join(s.Path, unfinishedFile)
	b, err := os.ReadFile(name)
	if err == nil {
		err = text.Unmarshal(b, &left.Header, true)
	}
	if err == nil {
		err = left.check(name)
	}
	if err != nil {
		return nil, errors.Join(foreign, err)
	}
	return left, nil
}

// begun tells whether a file shows that a Create got further than to write
// unfinished.yaml for the first time.
func begun(e fs.DirEntry) bool {
	return e.Name() == unfinishedFile || !ours(e.Name(), e.Type()) || !strings.HasPrefix(e.Name(), unfinishedFile)
}

// clear empties the folder to build in, which is locked, of what a Create has
// left, and makes it this one's.
func (s *Store) clear(forget func(*Store) error) error {
	left, err := s.remains()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == lockFile || strings.HasPrefix(e.Name(), unfinishedFile)
	})
	if left != nil && len(entries) > 0 {
		if err := forget(left); err != nil {
			return fmt.Errorf("clear what an interrupted signet init has left in %s: %w", s.Path, err)
		}
		for _, e := range entries {
			// Some of it may have gone with what forget destroyed.
			if err := os.Remove(filepath.Join(s.Path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return s.write(unfinishedFile, s.Header)
}

func (s *Store) fill(path string, build func(*Store) error) error {
	if err := build(s); err != nil {
		return err
	}
	header, err := yaml.Marshal(s.Header)
	if err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	if err := writeFile(filepath.Join(s.Path, headerFile), header); err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	if err := syncDir(s.Path); err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	if err := os.Rename(s.Path, path); err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	// Where it stays, Open tries again.
	_ = os.Remove(filepath.Join(path, unfinishedFile))
	return nil
}
