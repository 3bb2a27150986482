package hid

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

const (
	// keepaliveInterval is the longest silence while a CTAP2 request runs
	// (§11.2.9.1.7).
	keepaliveInterval = 100 * time.Millisecond
	// messageTimeout is how long after its last report an unfinished message
	// is given up. The standard leaves the number open (§11.2.5.2).
	messageTimeout = 500 * time.Millisecond
	// readAhead is how many reports may wait: a whole message, so that a
	// connection without back-pressure is emptied while a reply is written.
	readAhead = 129
)

// Options say what a connection is. The zero value is a USB device.
type Options struct {
	// Transport is ctap.Session's; "" means "usb".
	Transport string
	// Door is ctap.Session's.
	Door string
	// MaxMsgSize is ctap.Session's, in bytes; 0 means ctap.MaxHIDMsgSize.
	// Longer messages still reach the handler, which refuses them.
	MaxMsgSize int
	// Peer is who opened the connection, where the door can tell.
	Peer *ctap.Peer
	// Version is the device's own: major, minor, build.
	Version [3]byte
	// Wink, where set, draws a person's attention to the device. It must not
	// block. The capability flag follows from it.
	Wink func()
}

// Serve is a device on one connection (§11.2): it answers what comes over conn
// from h until conn can no longer be read or written, or ctx ends; then it
// closes conn, cancels the request that runs and tells h that the sessions have
// gone. It returns nil where the client hung up (io.EOF), ctx's error where ctx
// ended, and the connection's error otherwise.
//
// conn's Read and Write take exactly one report a call; its Close makes both
// return, and may be called twice. A report of another length is ignored.
func Serve(ctx context.Context, conn io.ReadWriteCloser, h ctap.Handler, opts Options) error {
	if opts.Transport == "" {
		opts.Transport = "usb"
	}
	if opts.MaxMsgSize == 0 {
		opts.MaxMsgSize = ctap.MaxHIDMsgSize
	}
	s := &server{
		conn:        conn,
		handler:     h,
		opts:        opts,
		replies:     make(chan reply, 1),
		userChanged: make(chan struct{}, 1),
		stalled:     stoppedTimer(),
		keepalive:   stoppedTimer(),
		unlock:      stoppedTimer(),
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	reports, failed := make(chan *Report, readAhead), make(chan error, 1)
	go func() { failed <- read(ctx, conn, reports) }()

	err := s.loop(ctx, reports)
	ended := ctx.Err()
	stop()
	conn.Close()
	cancel()
	s.hangUp()
	if readErr := <-failed; err == nil {
		err = readErr
	}
	switch {
	case ended != nil:
		return ended
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// read passes reports on until the connection fails, and closes reports.
func read(ctx context.Context, conn io.Reader, reports chan<- *Report) error {
	defer close(reports)
	for {
		r := new(Report)
		n, err := conn.Read(r[:])
		if n == ReportSize {
			select {
			case reports <- r:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
	}
}
