package vault

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/keystore"
)

const victimEnv = "SIGNET_TEST_VICTIM"

// TestMain lets the test program be its own victim: it then works on a vault,
// for some works until it is killed, and says what it has done.
func TestMain(m *testing.M) {
	work, path, ok := strings.Cut(os.Getenv(victimEnv), " ")
	if !ok {
		os.Exit(m.Run())
	}
	var err error
	switch work {
	case "count":
		err = countUp(path)
	case "fill":
		err = fillUp(path)
	}
	fmt.Println("stopped:", err)
}

// victim is the test program as a victim.
func victim(t *testing.T, work, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimEnv+"="+work+" "+path)
	return cmd
}

// countUp writes the same number into two records, each time one higher, and
// says so when it is done.
func countUp(path string) error {
	v, err := Open(path, testKey)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		err := v.Update(context.Background(), func(tx keystore.Tx) error {
			for _, id := range []string{"left", "right"} {
				if err := tx.Put(keystore.Record{ID: []byte(id), Value: fmt.Append(nil, n)}, rp); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestKilled(t *testing.T) {
	path := filled(t, 20)
	for range 20 {
		victim := victim(t, "count", path)
		out, err := victim.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		var last string
		for lines := bufio.NewScanner(out); lines.Scan(); last = lines.Text() {
			if last == "" {
				time.AfterFunc(time.Duration(rand.IntN(20000))*time.Microsecond, func() { victim.Process.Kill() })
			}
		}
		victim.Wait()
		said := 0
		if _, err := fmt.Sscan(last, &said); err != nil {
			t.Fatalf("the victim stopped by itself: %q", last)
		}
		v, err := Open(path, testKey)
		if err != nil {
			t.Fatalf("after a kill: %v", err)
		}
		err = v.View(t.Context(), func(tx keystore.Tx) error {
			left, err := tx.Get([]byte("left"))
			if err != nil {
				return err
			}
			right, err := tx.Get([]byte("right"))
			if err != nil {
				return err
			}
			var n int
			fmt.Sscan(string(left.Value), &n)
			if string(left.Value) != string(right.Value) || n < said || n > said+1 {
				t.Errorf("after a kill at %d: %s and %s", said, left.Value, right.Value)
			}
			var ids []string
			err = tx.Scan(rp, nil, func(r keystore.Record) error { ids = append(ids, string(r.ID)); return nil })
			if len(ids) != 22 || !strings.HasPrefix(strings.Join(ids, " "), "right left ") {
				t.Errorf("the list after a kill: %q", ids)
			}
			return err
		})
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
