package vault

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// fillUp writes to a vault of 50 records under a bound on the size of files,
// which writes meet as they meet a full disk, and goes on without the bound. It
// runs in a process of its own, whose other files it would stop too.
func fillUp(path string) error {
	ctx := context.Background()
	v, err := Open(path, testKey)
	if err != nil {
		return err
	}
	defer v.Close()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: uint64(info.Size()), Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	for i := 50; i < 5000 && err == nil; i++ {
		err = v.Update(ctx, func(tx keystore.Tx) error {
			r := recordOf(i)
			r.Value = append(r.Value, make([]byte, 4096)...)
			return tx.Put(r, rp)
		})
	}
	fmt.Println("full:", err)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := readAll(ctx, v); err != nil {
		return err
	}
	return v.Update(ctx, func(tx keystore.Tx) error { return tx.Put(recordOf(6000), rp) })
}

func readAll(ctx context.Context, v *Vault) error {
	return v.View(ctx, func(tx keystore.Tx) error {
		for i := range 50 {
			if _, err := tx.Get(idOf(i)); err != nil {
				return err
			}
		}
		return tx.Scan(rp, nil, func(keystore.Record) error { return nil })
	})
}

// TestFullDisk expects an error that names the file, and nothing lost.
func TestFullDisk(t *testing.T) {
	path := filled(t, 50)
	out, err := victim(t, "fill", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	refused, end, _ := strings.Cut(string(out), "\n")
	if !strings.Contains(refused, path) || !strings.Contains(refused, syscall.EFBIG.Error()) {
		t.Errorf("a write without room: %s", refused)
	}
	if end != "stopped: <nil>\n" {
		t.Errorf("afterwards: %s", end)
	}
	v := mustOpen(t, path)
	if err := readAll(t.Context(), v); err != nil {
		t.Error(err)
	}
	err = v.View(t.Context(), func(tx keystore.Tx) error { _, err := tx.Get(idOf(6000)); return err })
	if err != nil {
		t.Error(err)
	}
}
