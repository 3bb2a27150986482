//go:build linux

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// cmdSite is "site [off CHECK...] [hang|garbage|redirect|drop PATH]": it starts a
// relying party on loopback without the checks named, and one that does not answer
// a path, answers it with a page, sends it elsewhere, or hangs up. SITE is its
// address, and rp.yaml a mapping of all that it offers.
func cmdSite(ts *testscript.TestScript, _ bool, args []string) {
	config := brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}}
	wrong, at := "", ""
	for len(args) > 0 {
		switch args[0] {
		case "off":
			for _, name := range strings.Split(args[1], ",") {
				config.Off = append(config.Off, brokenrp.Check(name))
			}
		default:
			wrong, at = args[0], args[1]
		}
		args = args[2:]
	}
	site, err := brokenrp.New(config)
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != at {
			site.ServeHTTP(w, r)
			return
		}
		switch wrong {
		case "hang":
			io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
			<-r.Context().Done()
		case "garbage":
			w.Write([]byte("<html>\x1b[2Jwelcome</html>"))
		case "redirect":
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		case "drop":
			panic(http.ErrAbortHandler)
		}
	}))
	ts.Defer(server.Close)
	ts.Defer(server.CloseClientConnections) // first
	ts.Setenv("SITE", server.URL)
	mapping, err := os.ReadFile(filepath.Join("..", "..", "rptest", "testdata", "mappings", "brokenrp.yaml"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("rp.yaml"), mapping, 0o600))
}
