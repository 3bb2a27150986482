// Package real tests the catalogue on relying parties that others wrote, and
// keeps what they did with each case.
package real

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

const (
	origin  = "https://login.example"
	parties = "../../testdata/relyingparties"
)

// library is how a site of ours over a library is spoken to: the FIDO profile, and
// what tells who is signed in and with which credentials.
func library(name string) *rptest.Mapping {
	m := rptest.FIDO()
	m.Name = name
	m.Steps[rptest.LogOut] = rptest.StepMapping{Requests: []rptest.RequestMapping{{Post: "/logout", JSON: map[string]any{}}}}
	m.Steps[rptest.WhoAmI] = rptest.StepMapping{Requests: []rptest.RequestMapping{{Get: "/whoami"}}, User: "json user"}
	m.Steps[rptest.Credentials] = rptest.StepMapping{
		Requests: []rptest.RequestMapping{{Get: "/credentials"}}, Credentials: "json credentials[*].id",
	}
	m.Steps[rptest.DeleteCredential] = rptest.StepMapping{Requests: []rptest.RequestMapping{{Delete: "/credentials/${credentialId}"}}}
	return m
}

// needNode leaves a test out where node, or a folder's packages, are not there.
func needNode(t *testing.T, folder string) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed"
	} else if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		missing = "`make deps` did not install the packages of " + filepath.ToSlash(strings.TrimPrefix(folder, "../../"))
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal(missing)
	default:
		t.Skip("tier node: " + missing)
	}
}

// serve starts a program that prints its address and ends with its standard
// input, and gives the address.
func serve(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.Command(program, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		address <- strings.TrimSpace(line)
		io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("%s: %v\n%s", program, err, stderr.Bytes())
		}
	})
	select {
	case a := <-address:
		if a == "" {
			t.Fatalf("%s %s printed no address", program, args)
		}
		return a
	case <-ctx.Done():
		cmd.Process.Kill()
		t.Fatalf("%s %s printed no address in a minute", program, args)
	}
	return ""
}

// at is the site at an address.
func at(t *testing.T, address string, m *rptest.Mapping) *rptest.Site {
	t.Helper()
	rp, err := rptest.URL(address, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

// post sends JSON that no step is for.
func post(t *testing.T, url string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatal(fmt.Errorf("POST %s: %s: %s", url, resp.Status, answer))
	}
}
