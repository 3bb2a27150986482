package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	service "github.com/seed-77d61853/signet/cmd/signet/internal/serve"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/transport/stream"
)

type serveFlags struct {
	Listen      string
	TokenFile   string
	AllowOrigin []string
	AllowHost   []string
	State       string
	ReadyFD     int
	UntilEOF    bool
}

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve test devices over HTTP, to any language and any browser",
		Long: `Serve answers HTTP/JSON on loopback, for tests of relying parties: it makes any number of
passkey devices, registers and signs in with them, scripts the person and the faults, and
audits sites. GET /v1/openapi.yaml describes it. GET /v1/shim.js is a script which answers
navigator.credentials in the page of any browser.

It says that it is ready with one line of JSON: its url, its process, and the file that
holds the token which clients have to send. Who has the token can do all of it. The devices
are for tests: they have nothing to do with the one that signet run starts, and are gone
when the service stops, unless --state keeps them.`,
		Example: `  signet serve
  signet serve --listen unix:/run/user/1000/signet-test.sock
  signet serve --listen 127.0.0.1:8425 --state devices.json

  # In a container: the token comes from outside.
  SIGNET_TOKEN=... signet serve --listen 0.0.0.0:8425 --allow-host signet`,
		Args:              noArgs,
		PersistentPreRunE: withoutDevice("serve makes devices of its own, which --state keeps in a file"),
		RunE:              func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Listen, "listen", "127.0.0.1:0", "address and port, or unix: and the path of a socket")
	flags.StringVar(&f.TokenFile, "token-file", "", "file with the token; made where there is none (default: a new one; or SIGNET_TOKEN)")
	flags.StringArrayVar(&f.AllowOrigin, "allow-origin", nil, "let scripts of this origin's pages use the service; may come several times")
	flags.StringArrayVar(&f.AllowHost, "allow-host", nil, "a name by which other machines reach the service; may come several times")
	flags.StringVar(&f.State, "state", "", "keep the devices in this file: read at the start, written at the end")
	flags.IntVar(&f.ReadyFD, "ready-fd", -1, "write the ready line to this file descriptor, too")
	flags.BoolVar(&f.UntilEOF, "until-eof", false, "stop when standard input ends: with the program that holds its other end")
	return cmd
}

// serveReady is the ready line.
type serveReady struct {
	URL       string `json:"url"`
	TokenFile string `json:"tokenFile,omitempty"` // absent: SIGNET_TOKEN
	PID       int    `json:"pid"`
}

func (f *serveFlags) run(cmd *cobra.Command) (err error) {
	if f.ReadyFD >= 0 {
		if err := console.CheckWritableFD(f.ReadyFD); err != nil {
			return usagef(cmd, "--ready-fd=%d: %v; the ready line goes to a descriptor that the caller opened, such as 3>ready", f.ReadyFD, err)
		}
	}
	place, err := f.place()
	if err != nil {
		return usagef(cmd, "--listen=%s: %v", f.Listen, err)
	}
	token, err := f.token(place.loopback)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, token.remove()) }()
	server, err := service.New(service.Config{Token: token.value, Host: place.hosts(f.AllowHost), Origins: f.AllowOrigin})
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if f.UntilEOF {
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		defer stop()
		go func() {
			io.Copy(io.Discard, cmd.InOrStdin()) // a failure is an end, too
			stop()
		}()
	}
	if f.State != "" {
		if err := server.Load(ctx, f.State); err != nil {
			return err
		}
	}
	l, err := place.listen(ctx)
	if err != nil {
		return err
	}
	ready := serveReady{URL: place.url(l), TokenFile: token.file, PID: os.Getpid()}
	if err := f.announce(cmd.OutOrStdout(), ready); err != nil {
		return errors.Join(err, l.Close())
	}
	err = serveUntil(ctx, server, l)
	if f.State != "" {
		err = errors.Join(err, server.Save(context.WithoutCancel(ctx), f.State))
	}
	return err
}

// announce writes the ready line.
func (f *serveFlags) announce(out io.Writer, ready serveReady) error {
	line, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := out.Write(line); err != nil {
		return fmt.Errorf("write ready line: %w", err)
	}
	if f.ReadyFD < 0 {
		return nil
	}
	fd := os.NewFile(uintptr(f.ReadyFD), fmt.Sprintf("file descriptor %d", f.ReadyFD))
	if _, err := fd.Write(line); err != nil {
		return fmt.Errorf("write ready line: %w", err)
	}
	if f.ReadyFD <= 2 {
		return nil
	}
	return fd.Close()
}

// shutdownTime is how long requests under way may take to end.
const shutdownTime = 5 * time.Second

// untouched is memory in bytes that serveUntil has and never uses. It costs no page,
// but the collector lets as much garbage lie before it runs: a few devices are so
// small that it would run every two hundred requests, and take a tenth of their time.
const untouched = 16 << 20

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, devices *service.Server, l net.Listener) error {
	ballast := make([]byte, untouched)
	defer runtime.KeepAlive(ballast)
	server := devices.HTTP()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		devices.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	devices.Close()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// servePlace is where the service listens.
type servePlace struct {
	network, address string
	loopback         bool // nobody on another machine reaches it
}

func (f *serveFlags) place() (servePlace, error) {
	if path, ok := strings.CutPrefix(f.Listen, "unix:"); ok {
		if path == "" || len(path) > maxSocketPath {
			return servePlace{}, fmt.Errorf("want the path of a socket, of at most %d bytes", maxSocketPath)
		}
		return servePlace{"unix", path, true}, nil
	}
	a, err := net.ResolveTCPAddr("tcp", f.Listen)
	if err != nil {
		return servePlace{}, fmt.Errorf("want an address and a port, such as 127.0.0.1:0, or unix: and a path: %w", err)
	}
	return servePlace{"tcp", f.Listen, a.IP.IsLoopback()}, nil
}

// hosts is which names requests may be sent to.
func (p servePlace) hosts(names []string) func(string) bool {
	switch {
	case p.network == "unix":
		return nil
	case p.loopback && len(names) == 0:
		return rptest.IsLoopback
	}
	return service.AnyAddress(names)
}

func (p servePlace) listen(ctx context.Context) (net.Listener, error) {
	if p.network == "unix" {
		return stream.Socket(ctx, p.address)
	}
	return new(net.ListenConfig).Listen(ctx, p.network, p.address)
}

// url is how clients on this machine reach the listener.
func (p servePlace) url(l net.Listener) string {
	a, ok := l.Addr().(*net.TCPAddr)
	switch {
	case !ok:
		return "unix:" + p.address
	case a.IP.IsUnspecified():
		return fmt.Sprintf("http://127.0.0.1:%d", a.Port)
	}
	return "http://" + a.String()
}
