//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/keystore"
)

// TestBackup restores on every root what was backed up on every root: the
// passkeys and their PRF outputs are the same.
func TestBackup(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	headers := rootHeaders()
	for from, fromHeader := range headers {
		t.Run("from "+from, func(t *testing.T) {
			header := fromHeader(t)
			header.Copyable = true
			m := newMovable(t, header)
			path := filepath.Join(t.TempDir(), "saved")
			m.asOwner(func(ctx context.Context, o *owner) error {
				n, err := o.backup(ctx, []byte(movePIN), path, []age.Recipient{id.Recipient()}, func(int) {})
				if err == nil && n != len(m.want) {
					t.Errorf("%d passkeys backed up, want %d", n, len(m.want))
				}
				return err
			})
			for to, toHeader := range headers {
				t.Run("to "+to, func(t *testing.T) {
					header := toHeader(t)
					header.Copyable = true
					testRestore(t, newEmpty(t, header), path, id, m.want)
				})
			}
		})
	}
}

func testRestore(t *testing.T, m *movable, path string, id age.Identity, want map[string]string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range []daemon.Outcome{daemon.Added, daemon.Present} {
		n := 0
		m.asOwner(func(ctx context.Context, o *owner) error {
			return o.restore(ctx, []byte(movePIN), bytes.NewReader(file), []age.Identity{id}, func(done []daemon.Imported) {
				for _, i := range done {
					if n++; i.Outcome != outcome {
						t.Errorf("%s was %s, want %s", i.RPID, i.Outcome, outcome)
					}
				}
			})
		})
		if n != len(want) {
			t.Errorf("%d passkeys restored, want %d", n, len(want))
		}
	}
	m.want = want
	dev := m.open()
	defer m.close(dev)
	if got := m.answers(dev); !maps.Equal(got, want) {
		t.Errorf("signed in with %v, want %v", got, want)
	}
	if err := dev.engine.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A restore that is cut short, here by damage that the command would have found
// before, leaves whole batches only, and the next one goes on.
func TestRestoreCutShort(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	headers := rootHeaders()
	header := headers["file"](t)
	header.Copyable = true
	m := newMovable(t, header)
	path := filepath.Join(t.TempDir(), "saved")
	m.asOwner(func(ctx context.Context, o *owner) error {
		_, err := o.backup(ctx, []byte(movePIN), path, []age.Recipient{id.Recipient()}, func(int) {})
		return err
	})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header = headers["file"](t)
	header.Copyable = true
	to := newEmpty(t, header)
	dev := to.open()
	o := &owner{Owner: daemon.Owner{Caller: daemon.Engine{Device: dev.engine}}}
	err = o.restore(t.Context(), []byte(movePIN), bytes.NewReader(file[:len(file)-1]), []age.Identity{id}, func([]daemon.Imported) {
		t.Error("imported of a damaged backup")
	})
	if !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("restore of a damaged backup = %v", err)
	}
	to.close(dev)
	testRestore(t, to, path, id, m.want)
}
