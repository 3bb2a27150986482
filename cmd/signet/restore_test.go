package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

// narrow is a device with room for a number of passkeys more.
type narrow struct{ room int }

func (n *narrow) Call(_ context.Context, c daemon.Call) ([]byte, error) {
	var records [][]byte
	if err := ctap.Unmarshal(c.Records, &records); err != nil {
		return nil, err
	}
	if len(records) > n.room {
		return nil, &daemon.Refusal{Message: ctap.ErrKeyStoreFull.Error(), Status: ctap.ErrKeyStoreFull}
	}
	n.room -= len(records)
	done := make([]daemon.Imported, len(records))
	for i := range done {
		done[i].Outcome = daemon.Added
	}
	return json.Marshal(done)
}

// TestRestoreFull: a device that is full says so, and what to do; what found room
// is told of.
func TestRestoreFull(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	err = backup.Write(&file, time.Now(), func(add func([]byte) error) error {
		var err error
		for range 2 * batchCount {
			err = errors.Join(err, add([]byte{0xA0}))
		}
		return err
	}, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	o, told := &owner{Owner: daemon.Owner{Caller: &narrow{batchCount + 1}}}, 0
	err = o.restore(t.Context(), nil, &file, []age.Identity{id}, func(done []daemon.Imported) { told += len(done) })
	if !errors.Is(err, ctap.ErrKeyStoreFull) || told != batchCount {
		t.Errorf("told of %d, %v", told, err)
	}
	for _, want := range []string{"the device is full", "signet passkeys delete", "restore the same file again"} {
		if text := new(config).explain(err); !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
}
