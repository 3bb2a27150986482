package transport_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/transport/pcsc"
	"github.com/seed-77d61853/signet/transport/stream"
)

// streamDoor is a unix socket of its own. Its path is short: sockets' are
// limited to some hundred bytes.
func streamDoor(t *testing.T, scheme string) door {
	t.Helper()
	folder, err := os.MkdirTemp("", "signet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := filepath.Join(folder, "hid")
	open := func(ctx context.Context, h ctap.Handler) (func() error, error) {
		l, err := stream.ListenUnix(socket)
		if err != nil {
			return nil, err
		}
		return background(func() error { return l.Serve(ctx, h, hid.Options{Wink: func() {}}) }), nil
	}
	return door{address: scheme + socket, open: open}
}

// cardDoor is a card in the reader of the vpcd at the address.
func cardDoor(address string, env ...string) door {
	open := func(ctx context.Context, h ctap.Handler) (func() error, error) {
		card := pcsc.Card{Address: address}
		return background(func() error { return card.Serve(ctx, h) }), nil
	}
	return door{address: "card:" + readerName, env: env, open: open}
}

// background runs serve, and gives what waits for its end.
func background(serve func() error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	return func() error { return <-ended }
}
