//go:build !linux

package pcsc

import "net"

// quickAck does nothing: this system does not have acknowledgements hurried.
func quickAck(net.Conn) {}
