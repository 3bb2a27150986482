//go:build !unix

package file

import "io/fs"

// noFollow is not known here either; making a link takes a privilege.
const noFollow = 0

// owner is not known here.
func owner(fs.FileInfo) (uid int, ok bool) { return 0, false }
