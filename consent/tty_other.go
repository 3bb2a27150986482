//go:build !unix

package consent

import "errors"

// OpenTerminal fails: this system's terminals are not known to this package.
func OpenTerminal() (*Terminal, error) {
	return nil, errors.New("open the terminal: not supported on this system")
}
