package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// killsOfBackup is how often each backup and restore is killed.
const killsOfBackup = 2

// TestBackupKill kills signet backup and signet restore with kill -9 at random
// moments, between every two roots. Whatever the moment: the passkeys work where
// they were; there is a whole backup or none; and a restore that is called again
// makes the passkeys work at the other place, too.
func TestBackupKill(t *testing.T) {
	random := newRandom(t)
	w := newWorld(t, 2)
	w.session.Start("pw")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(w.dir, "identity")
	if err := os.WriteFile(identity, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	restore := func(d *traveller, moment time.Duration, file string) time.Duration {
		return d.killCommand(moment, "restore", file, "--identity", identity)
	}
	var from []*traveller
	files, whole := map[*traveller]string{}, map[string]time.Duration{}
	for _, kind := range store.Roots() {
		d := w.init("from "+kind, kind, "yes")
		d.register(kind+".one.example", kind+".two.example")
		files[d], whole[kind] = d.killBackups(random, id)
		from = append(from, d)
	}
	for _, kind := range store.Roots() {
		to := w.init("to "+kind, kind, "yes")
		for _, d := range from {
			for range killsOfBackup {
				// It opens, proves the PIN and writes, as a backup does.
				took := restore(to, time.Duration(random.Int64N(int64(whole[kind]))), files[d])
				w.recover()
				t.Logf("restore on root %s killed after %v", kind, took)
			}
			restore(to, time.Minute, files[d])
			maps.Copy(to.passkeys, d.passkeys)
			to.works()
			if t.Failed() {
				t.Fatalf("restored on root %s from a backup of %s", kind, d.dir)
			}
		}
	}
	for _, d := range from {
		d.works()
	}
}

// killBackups makes a whole backup, and others that are killed, and returns the
// first and how long it took.
func (d *traveller) killBackups(random *rand.Rand, id *age.X25519Identity) (whole string, took time.Duration) {
	d.t.Helper()
	for n := range killsOfBackup + 1 {
		file, moment := filepath.Join(d.dir, fmt.Sprint("saved", n)), time.Minute
		if n > 0 {
			moment = time.Duration(random.Int64N(int64(took)))
		}
		ended := d.killCommand(moment, "backup", file, "--recipient", id.Recipient().String())
		if n == 0 {
			whole, took = file, ended
		}
		d.t.Logf("%s: killed after %v of %v: there is a file: %v", d.dir, ended, took, fileExists(file))
		if n == 0 || fileExists(file) {
			wantWhole(d.t, file, id, len(d.passkeys))
		}
		d.works()
	}
	return whole, took
}

func wantWhole(t *testing.T, path string, id age.Identity, want int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	if _, err := backup.Read(file, func([]byte) error { n++; return nil }, id); err != nil || n != want {
		t.Errorf("%s holds %d passkeys, %v", path, n, err)
	}
}
