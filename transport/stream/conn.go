package stream

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/seed-77d61853/signet/ctap/hid"
)

// Dial connects to a stream door, for hid.Connect. network is "unix" or "tcp".
func Dial(ctx context.Context, network, address string) (io.ReadWriteCloser, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return NewConn(conn), nil
}

// NewConn cuts a byte stream into reports, as hid.Serve and hid.Connect want
// them: each Read gives one, however it came in. A stream that ends amid a
// report gives io.ErrUnexpectedEOF. Read needs room for a whole report.
func NewConn(conn io.ReadWriteCloser) io.ReadWriteCloser { return &reportConn{conn} }

type reportConn struct{ io.ReadWriteCloser }

func (c *reportConn) Read(p []byte) (int, error) {
	if len(p) < hid.ReportSize {
		return 0, io.ErrShortBuffer
	}
	n, err := io.ReadFull(c.ReadWriteCloser, p[:hid.ReportSize])
	if errors.Is(err, net.ErrClosed) {
		err = io.EOF
	}
	return n, err
}
