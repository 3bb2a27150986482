//go:build !unix

package main

import "io/fs"

// openToOthers knows nothing of access lists: there the user's own folder is
// closed to others by default.
func openToOthers(string, fs.FileInfo) (open, fix string) { return "", "" }
