package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving is a `signet serve` of its own process.
type serving struct {
	serveReady
	token string
	cmd   *exec.Cmd
}

// startServe starts `signet serve` with flags and reads its ready line, twice.
func startServe(t *testing.T, args ...string) *serving {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := &serving{cmd: exec.Command(program)}
	// This test binary is signet under that name: see TestMain.
	s.cmd.Args = append([]string{"signet", "serve", "--ready-fd", "3"}, args...)
	s.cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	s.cmd.ExtraFiles, s.cmd.Stderr = []*os.File{w}, os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	w.Close()
	line, err := io.ReadAll(r) // it closes the descriptor
	if err != nil {
		t.Fatal(err)
	}
	if first, err := bufio.NewReader(out).ReadBytes('\n'); err != nil || string(first) != string(line) {
		t.Fatalf("standard output has %q, the descriptor %q: %v", first, line, err)
	}
	if err := json.Unmarshal(line, &s.serveReady); err != nil || s.PID != s.cmd.Process.Pid {
		t.Fatalf("the ready line is %s: %v", line, err)
	}
	token, err := os.ReadFile(s.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	s.token = strings.TrimSpace(string(token))
	return s
}

func (s *serving) do(t *testing.T, method, path, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// The service over a real port: it answers, and stops at once though clients
// wait for it, with what it was to keep in its file.
func TestServe(t *testing.T) {
	state := t.TempDir() + "/devices.json"
	s := startServe(t, "--state", state)
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Errorf("the url is %s", s.URL)
	}
	resp, err := http.Get(s.URL + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("health: %v %v", resp, err)
	}
	if resp := s.do(t, "POST", "/v1/devices", `{"profile":"phone"}`); resp.StatusCode != http.StatusCreated {
		t.Fatalf("make a device: %s", resp.Status)
	}
	events := s.do(t, "GET", "/v1/devices/d1/events", "")
	events.Body.Close()
	stream, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/devices/d1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header = http.Header{"Authorization": {"Bearer " + s.token}, "Accept": {"text/event-stream"}}
	waits, err := http.DefaultClient.Do(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Body.Close()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if _, err := os.Stat(s.TokenFile); err == nil {
		t.Error("the token's file is left")
	}
	if again := startServe(t, "--state", state); again.do(t, "GET", "/v1/devices/d1", "").StatusCode != http.StatusOK {
		t.Error("the device was not kept")
	}
}
