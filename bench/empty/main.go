// Command empty answers every HTTP request with nothing, and does nothing; only at
// /signature it signs once, on P-256. It is what package bench sets signet serve
// beside: the server that does no work, and the one that does no other. It writes
// its URL, and ends with its standard input.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
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
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	fmt.Printf("{\"url\":\"http://%s\"}\n", l.Addr())
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/signature" {
			if _, err := key.Sign(rand.Reader, make([]byte, sha256.Size), crypto.SHA256); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	}))
	if !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
