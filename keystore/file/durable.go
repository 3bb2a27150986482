package file

// Replace puts data in the place of a file, at once or not at all, with mode
// 0600; it is on disk when Replace returns. The caller makes sure that nobody
// else does the same: the new file is path.new until it is whole.
func Replace(path string, data []byte) error { return replace(path, data) }

// WriteNew makes a file of mode 0600: fs.ErrExist where there is one. It is on
// disk when WriteNew returns.
func WriteNew(path string, data []byte) error { return writeNew(path, data) }
