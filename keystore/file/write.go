package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// replace puts data in the place of a file, at once or not at all, and has it
// on disk before it returns. The caller holds the lock on the file, so that the
// new one can have a fixed name and leftovers do not pile up.
func replace(path string, data []byte) error {
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(unfinished, data); err != nil {
		os.Remove(unfinished)
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		os.Remove(unfinished)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeNew makes a file, whole or not at all: fs.ErrExist where there is one.
func writeNew(path string, data []byte) error {
	if err := write(path, data); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			os.Remove(path)
		}
		return err
	}
	return syncDir(filepath.Dir(path))
}

// write makes a file of mode 0600 that is not there yet, and syncs it.
func write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes a rename in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which has no such call, and does it by itself
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
