package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// TestBackupKill kills signet backup and signet restore with kill -9 at random
// moments. Whatever the moment: the passkey works where it was; there is a whole
// backup or none; and a restore that is called again makes the passkey work at
// the other place, too.
func TestBackupKill(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("identity", []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	signet, env := programs(t, dir)
	from := &killed{t: t, signet: signet, env: env, dir: filepath.Join(dir, "from"), pin: movePIN}
	from.make()
	from.start()
	from.register()
	from.stop()

	whole := time.Minute
	complete := ""
	for i := range 4 {
		file := filepath.Join(dir, fmt.Sprint("saved", i))
		took := from.killCommand(moment(i, whole), "backup", file, "--recipient", id.Recipient().String())
		if i == 0 {
			whole = took
		}
		if fileExists(file) {
			complete = file
			wantWhole(t, file, id)
		}
		from.start()
		from.login()
		from.stop()
	}
	if complete == "" {
		t.Fatal("no backup was made")
	}

	for i := range 4 {
		to := &killed{t: t, signet: signet, env: env, dir: filepath.Join(dir, fmt.Sprint("to", i)), pin: movePIN}
		to.make()
		to.start()
		if err := to.client.SetPIN(t.Context(), 2, []byte(movePIN)); err != nil {
			t.Fatal(err)
		}
		to.stop()
		took := to.killCommand(moment(i, whole), "restore", complete, "--identity", "identity")
		if i == 0 {
			whole = took
		}
		to.killCommand(time.Minute, "restore", complete, "--identity", "identity")
		to.start()
		to.login()
		to.stop()
	}
}

// moment is when to kill: the first time it is not reached, which shows how long
// the whole takes.
func moment(i int, whole time.Duration) time.Duration {
	if i == 0 {
		return time.Minute
	}
	return time.Duration(rand.Int64N(int64(whole)))
}

// make makes a device without a PIN whose passkeys may be copied.
func (k *killed) make() {
	k.t.Helper()
	h := store.Header{Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: k.dir + ".key", Profile: profileSecurityKey, Copyable: true}
	if err := createDevice(k.t.Context(), filepath.Join(k.dir, "dev"), h, rootSecrets{}, nil); err != nil {
		k.t.Fatal(err)
	}
}

func wantWhole(t *testing.T, path string, id age.Identity) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	if _, err := backup.Read(file, func([]byte) error { n++; return nil }, id); err != nil || n != 1 {
		t.Errorf("%s holds %d passkeys, %v", path, n, err)
	}
}
