package transport_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The driver of vsmartcard's virtual reader, where Debian installs it.
const vpcd = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

const readerName = "Signet test"

func TestPythonFIDO2OverCard(t *testing.T) {
	needPython(t, "fido2", "smartcard")
	client := []string{python, "-B", foreign + "/python/main.py"}
	reader := startReader(t)
	for _, scenario := range scenarios(t, client, "card") {
		t.Run(scenario, func(t *testing.T) {
			drive(t, startDevice(t, reader, ""), client, scenario)
		})
	}
}

// startReader starts a pcscd of our own with one virtual reader, and gives the
// door to that reader. pcscd has a fixed place for its socket; in a mount
// namespace that place is a directory of the test, so that it does not meet
// the machine's own pcscd. Where namespaces are forbidden, as in most
// containers, it takes the fixed place.
func startReader(t *testing.T) door {
	t.Helper()
	if os.Getuid() != 0 {
		leaveOut(t, "starting pcscd needs root")
	}
	pcscd, err := exec.LookPath("pcscd")
	if err != nil {
		leaveOut(t, "no pcscd")
	}
	if _, err := os.Stat(vpcd); err != nil {
		leaveOut(t, "no vpcd: %v", err)
	}
	port := freePorts(t)
	config := t.TempDir()
	reader := fmt.Sprintf("FRIENDLYNAME \"%s\"\nDEVICENAME /dev/null:%#x\nLIBPATH %s\nCHANNELID %#x\n",
		readerName, port, vpcd, port)
	if err := os.WriteFile(filepath.Join(config, "signet"), []byte(reader), 0o600); err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp("", "pcscd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })

	command := []string{"unshare", "--mount", "sh", "-c",
		`mkdir -p /run/pcscd && mount --bind "$1" /run/pcscd && exec "$2" --foreground --config "$3"`,
		"sh", sockets, pcscd, config}
	if exec.Command("unshare", "--mount", "true").Run() != nil {
		command = []string{pcscd, "--foreground", "--config", config}
		sockets = "/run/pcscd"
	}
	socket := filepath.Join(sockets, "pcscd.comm")
	startPCSCD(t, command, socket)
	return cardDoor(fmt.Sprintf("127.0.0.1:%d", port), "PCSCLITE_CSOCK_NAME="+socket)
}

// startPCSCD runs pcscd until the test ends, and returns once it listens.
func startPCSCD(t *testing.T, command []string, socket string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-exited
		}
		if t.Failed() {
			t.Logf("pcscd: %s", output.Bytes())
		}
	})
	for range 100 {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("pcscd ended: %v\n%s", err, output.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("pcscd does not listen on %s\n%s", socket, output.Bytes())
}

// freePorts finds a port that is free together with the next: vpcd has a
// second slot there.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 20 {
		first, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port+1))
		first.Close()
		if err == nil {
			second.Close()
			return port
		}
	}
	t.Fatal("no two free ports")
	return 0
}
