//go:build linux

package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// cmdSite is "site [origin ORIGIN] [off CHECK,...] [trust DIR] [tls FILE] [hang|garbage|redirect|drop
// PATH]": it starts a relying party on loopback without the checks named, with the
// trust material that an audit wrote, with TLS by an authority that it writes to
// the file, and one that does not answer a path, answers it with a page, sends it
// elsewhere, or hangs up. SITE is its address, and rp.yaml a mapping of all that it
// offers.
func cmdSite(ts *testscript.TestScript, _ bool, args []string) {
	config := brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}}
	wrong, at, authority, material := "", "", "", ""
	for ; len(args) > 0; args = args[2:] {
		switch args[0] {
		case "origin":
			config.Origins = []string{args[1]}
		case "off":
			for name := range strings.SplitSeq(args[1], ",") {
				config.Off = append(config.Off, brokenrp.Check(name))
			}
		case "trust":
			material = ts.MkAbs(args[1])
			setUpTrust(ts, &config, material)
		case "tls":
			authority = ts.MkAbs(args[1])
		default:
			wrong, at = args[0], args[1]
		}
	}
	site, err := brokenrp.New(config)
	ts.Check(err)
	if material != "" {
		feed(ts, site, material)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == at {
			answerWrong(w, r, wrong)
			return
		}
		site.ServeHTTP(w, r)
	}))
	if authority == "" {
		server.Start()
	} else {
		server.StartTLS()
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		ts.Check(os.WriteFile(authority, block, 0o600))
	}
	ts.Defer(server.Close)
	ts.Defer(server.CloseClientConnections) // first
	ts.Setenv("SITE", server.URL)
	mapping, err := os.ReadFile(filepath.Join("..", "..", "rptest", "testdata", "mappings", "brokenrp.yaml"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("rp.yaml"), mapping, 0o600))
}

func answerWrong(w http.ResponseWriter, r *http.Request, how string) {
	switch how {
	case "hang":
		io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
		<-r.Context().Done()
	case "garbage":
		w.Write([]byte("<html>\x1b[2Jwelcome</html>"))
	case "redirect":
		http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
	case "drop":
		panic(http.ErrAbortHandler)
	case "nothing":
		http.NotFound(w, r)
	}
}

// setUpTrust gives a site the files of signet audit --trust.
func setUpTrust(ts *testscript.TestScript, config *brokenrp.Config, dir string) {
	config.Attestation = "direct"
	config.Roots = readCertificates(ts, filepath.Join(dir, "roots.pem"))
	config.MetadataRoots = readCertificates(ts, filepath.Join(dir, "mds-roots.pem"))
	for text := range strings.FieldsSeq(ts.ReadFile(filepath.Join(dir, "aaguids.txt"))) {
		aaguid, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
		ts.Check(err)
		config.Models = append(config.Models, ctap.AAGUID(aaguid))
	}
}

// feed gives a site the metadata, of which it has to take the first alone.
func feed(ts *testscript.TestScript, site http.Handler, dir string) {
	for i, name := range []string{"mds.jwt", "mds-older.jwt", "mds-forged.jwt"} {
		w := httptest.NewRecorder()
		blob := ts.ReadFile(filepath.Join(dir, name))
		site.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metadata", strings.NewReader(blob)))
		if taken := w.Code == http.StatusOK; taken != (i == 0) {
			ts.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func readCertificates(ts *testscript.TestScript, path string) (all []*x509.Certificate) {
	rest := []byte(ts.ReadFile(path))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		c, err := x509.ParseCertificate(block.Bytes)
		ts.Check(err)
		all = append(all, c)
	}
}
