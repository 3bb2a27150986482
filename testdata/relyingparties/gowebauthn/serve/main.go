// Command serve serves the site on a free port of this machine, and prints its
// address. It ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/seed-77d61853/signet/testdata/relyingparties/gowebauthn"
)

func main() {
	site, err := gowebauthn.New(&webauthn.Config{
		RPID: "login.example", RPDisplayName: "Login", RPOrigins: []string{"https://login.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	go http.Serve(l, site) // until the process ends
	io.Copy(io.Discard, os.Stdin)
}
