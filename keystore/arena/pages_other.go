//go:build !windows && (!unix || aix || solaris || illumos)

package arena

import (
	"errors"
	"runtime"
)

// pages has no locked memory to give.
func pages(int) ([]byte, error) {
	return nil, errors.New("lock memory: not supported on " + runtime.GOOS)
}
