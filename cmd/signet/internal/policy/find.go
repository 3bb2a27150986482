package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
)

// maxLinks is how many links are followed, as many as the kernel follows.
const maxLinks = 40

// find follows the path, with all links on it, to the file itself: fs.ErrNotExist
// where there is none. Whoever could change what the path leads to could put
// another policy in its place or hide it, so each folder on the way has to be
// safe, and a link that leads nowhere is an error, not the absence of a policy.
func (s Source) find() (string, error) {
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return "", err
	}
	at := filepath.VolumeName(path) + string(filepath.Separator)
	rest := elements(path)
	linked := 0 // how many of the first elements of rest a link named
	for links := 0; len(rest) > 0; {
		if err := s.checkFolder(at); err != nil {
			return "", err
		}
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) && linked > 0 {
			return "", fmt.Errorf("%s: leads to %s, which is not there: %w", s.Path, next, ErrInsecure)
		}
		if err != nil {
			return "", err
		}
		rest, linked = rest[1:], max(linked-1, 0)
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: more than %d links: %w", s.Path, maxLinks, ErrInsecure)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
		}
		named := elements(target)
		rest, linked = append(named, rest...), linked+len(named)
	}
	return at, nil
}

// elements takes a path apart.
func elements(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}

// checkFolder tells whether nobody but the owner and root can replace what is in
// a folder.
func (s Source) checkFolder(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	uid, known := access.Owner(info)
	switch mode := info.Mode(); {
	case !mode.IsDir():
		return fmt.Errorf("%s: not a folder: %w", path, ErrInsecure)
	case known && uid != s.Owner && uid != 0:
		return fmt.Errorf("%s: owned by user %d: %w", path, uid, ErrInsecure)
	case known && mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0:
		return fmt.Errorf("%s: mode %04o: %w", path, mode.Perm(), ErrInsecure)
	}
	return nil
}
