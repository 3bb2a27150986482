//go:build !windows

package tpm

import (
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// DefaultDevice is the TPM's node that the kernel manages for many users.
const DefaultDevice = "/dev/tpmrm0"

// OpenDevice connects to the TPM of a device node.
func OpenDevice(path string) Opener {
	return func() (transport.TPMCloser, error) { return linuxtpm.Open(path) }
}

// OpenSocket connects to the TPM emulator of a unix socket, such as swtpm's.
func OpenSocket(path string) Opener {
	return func() (transport.TPMCloser, error) { return linuxudstpm.Open(path) }
}
