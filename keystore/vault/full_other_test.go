//go:build !linux

package vault

import "errors"

// fillUp is Linux's.
func fillUp(string) error { return errors.ErrUnsupported }
