package tpm

import (
	"errors"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/windowstpm"
)

// DefaultDevice names the system's TPM.
const DefaultDevice = "tbs"

// OpenDevice connects to the system's TPM, whatever the path.
func OpenDevice(string) Opener {
	return func() (transport.TPMCloser, error) { return windowstpm.Open() }
}

// OpenSocket is for other systems.
func OpenSocket(string) Opener {
	return func() (transport.TPMCloser, error) { return nil, errors.ErrUnsupported }
}
