// Command empty answers every HTTP request with nothing: it is what package bench
// sets signet serve beside. It writes its URL, and ends with its standard input.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "empty:", err)
		os.Exit(1)
	}
}

func serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	fmt.Printf("{\"url\":\"http://%s\"}\n", l.Addr())
	if err := http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
