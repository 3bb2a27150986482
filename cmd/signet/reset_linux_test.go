package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/sys/unix"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// TestResetNeedsOwner: a reset that the TPM's owner password is missing for says
// where to give it, which is not the same while signet runs.
func TestResetNeedsOwner(t *testing.T) {
	chip := tpmtest.New(t)
	m := newMovable(t, store.Header{Root: store.RootTPM, TPM: socketPrefix + chip.Socket()})
	raw, err := chip.Open()
	if err != nil {
		t.Fatal(err)
	}
	_, err = tpm2.HierarchyChangeAuth{
		AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)},
		NewAuth:    tpm2.TPM2BAuth{Buffer: []byte("owner")},
	}.Execute(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw.Close()
	t.Setenv("XDG_RUNTIME_DIR", "")
	reset := func(args ...string) string {
		c := &config{admin: policy.Source{Path: filepath.Join(t.TempDir(), "none")}}
		cmd := newRoot(c)
		cmd.SetArgs(append([]string{"reset", "--yes", "--store", m.path}, args...))
		cmd.SetOut(io.Discard)
		err := cmd.ExecuteContext(t.Context())
		if err == nil {
			return ""
		}
		return c.explain(err)
	}
	if said := reset(); !strings.Contains(said, "Give it with --tpm-owner-fd") || strings.Contains(said, "running signet") {
		t.Errorf("stopped, without the password: %s", said)
	}

	dev := m.open()
	ready, done := make(chan struct{}), make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	d := &daemon.Daemon{Control: filepath.Join(m.path, "control.sock"), Owner: daemon.Engine{Device: dev.engine}, Lock: dev.engine.Lock,
		Status: dev.status(func() string { return approveAlways }), Ready: func() error { close(ready); return nil }, Log: slog.New(slog.DiscardHandler)}
	go func() { done <- d.Run(ctx) }()
	<-ready
	if said := reset(); !strings.Contains(said, "owner password that it was started with") {
		t.Errorf("running, without the password: %s", said)
	}
	if said := reset("--tpm-owner-fd", password(t)); !strings.Contains(said, "of no use while signet runs") {
		t.Errorf("running, with a password that it does not use: %s", said)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	m.close(dev)
	if said := reset("--tpm-owner-fd", password(t)); said != "" {
		t.Errorf("stopped, with the password: %s", said)
	}
}

// password gives the owner password on a descriptor.
func password(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "owner")
	if err := os.WriteFile(path, []byte("owner\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	given, err := unix.Dup(int(f.Fd())) // not closed on exec, as one that this program was given
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(given) })
	return strconv.Itoa(given)
}
