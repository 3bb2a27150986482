package keystoretest

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A Kill says how roots are found again by another process.
type Kill struct {
	// New makes a place with a root in it that has no PIN, and names it.
	New func(t *testing.T) (place string)
	// Open opens the root at a place.
	Open func(ctx context.Context, place string) (keystore.Root, error)
}

const victimEnv = "SIGNET_TEST_VICTIM"

// Victim is to be called first by the TestMain of a package that uses
// TestKilled, which starts the test program again. It reports whether this is
// such a process; then its work is done, and TestMain returns.
func (k Kill) Victim() bool {
	work, place, ok := strings.Cut(os.Getenv(victimEnv), " ")
	if !ok {
		return false
	}
	root, err := k.Open(context.Background(), place)
	if err == nil {
		switch work {
		case "pin":
			err = changePINs(root)
		case "reset":
			err = resets(root)
		}
	}
	fmt.Println("failed", err)
	return true
}

// TestKilled has a process work on a root and say what it begins and what it
// has done, until it is killed at a random moment. What it said must hold.
func TestKilled(t *testing.T, k Kill) {
	t.Run("PINChange", func(t *testing.T) { testKilledInPINChange(t, k) })
	t.Run("Reset", func(t *testing.T) { testKilledInReset(t, k) })
}

const killings = 40

// killed runs a victim until it has been at work for a moment, kills it, and
// returns the lines that it wrote.
func killed(t *testing.T, work, place string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command(self)
	victim.Env = append(os.Environ(), victimEnv+"="+work+" "+place)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(rand.IntN(15000)) * time.Microsecond
	var lines []string
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if len(lines) == 0 {
			time.AfterFunc(moment, func() { victim.Process.Kill() })
		}
		lines = append(lines, scanner.Text())
	}
	victim.Wait()
	if len(lines) == 0 || strings.HasPrefix(lines[len(lines)-1], "failed") {
		t.Fatalf("the victim stopped by itself: %q", lines)
	}
	return lines
}

func (k Kill) open(t *testing.T, place string) *device {
	t.Helper()
	return newDevice(t, Roots{New: func(t *testing.T) func() (keystore.Root, error) {
		return func() (keystore.Root, error) { return k.Open(t.Context(), place) }
	}})
}

func pinNumber(n int) []byte { return pinHash(fmt.Sprint(n)) }

// changePINs changes the PIN from its number to the next, after wrong tries,
// for ever.
func changePINs(r keystore.Root) error {
	ctx := context.Background()
	var n int
	fmt.Sscan(os.Getenv("SIGNET_TEST_PIN"), &n)
	for ; ; n++ {
		fmt.Println("now", n)
		for range n % 4 {
			if err := r.Gate().Open(ctx, make([]byte, 16)); !errors.Is(err, keystore.ErrWrongPIN) {
				return err
			}
			fmt.Println("wrong")
		}
		fmt.Println("trying")
		if err := r.Gate().Open(ctx, pinNumber(n)); err != nil {
			return err
		}
		fmt.Println("right")
		if err := r.Gate().SetPIN(ctx, pinNumber(n+1)); err != nil {
			return err
		}
		r.Gate().Shut()
	}
}

func testKilledInPINChange(t *testing.T, k Kill) {
	place := k.New(t)
	pin := 0
	d := k.open(t, place)
	sealed, err := d.Seal(t.Context(), []byte("gated"), nil, keystore.Gated)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Gate().SetPIN(t.Context(), pinNumber(pin)); err != nil {
		t.Fatal(err)
	}
	d.Root.Close()
	for range killings {
		t.Setenv("SIGNET_TEST_PIN", fmt.Sprint(pin))
		lines := killed(t, "pin", place)
		wrong, last := 0, lines[len(lines)-1]
		for _, line := range lines {
			switch word, _, _ := strings.Cut(line, " "); word {
			case "now":
				fmt.Sscan(strings.TrimPrefix(line, "now"), &pin)
				wrong = 0
			case "wrong":
				wrong++
			}
		}

		d := k.open(t, place)
		state := d.state()
		if !state.Set {
			t.Fatalf("after %q: %+v", last, state)
		}
		most, least := ctap.MaxPINRetries-wrong, ctap.MaxPINRetries-wrong-1
		full := state.Retries == ctap.MaxPINRetries && (last == "trying" || last == "right")
		if !full && (state.Retries > most || state.Retries < least) {
			t.Errorf("after %q and %d wrong tries: %d left", last, wrong, state.Retries)
		}
		// The change may have happened where the old PIN had been right.
		if errNew := d.Gate().Open(t.Context(), pinNumber(pin+1)); errNew == nil {
			if last != "right" && last != "trying" {
				t.Fatalf("after %q the next PIN is right already", last)
			}
			pin++
			wants(t, "the old PIN", d.Gate().Open(t.Context(), pinNumber(pin-1)), keystore.ErrWrongPIN)
		} else {
			wants(t, "the new PIN", errNew, keystore.ErrWrongPIN)
		}
		if err := d.Gate().Open(t.Context(), pinNumber(pin)); err != nil {
			t.Fatalf("after %q neither PIN is right: %v", last, err)
		}
		if plain, err := d.Unseal(t.Context(), sealed, nil); err != nil || string(plain) != "gated" {
			t.Fatalf("what was sealed behind the gate: %q, %v", plain, err)
		}
		d.Root.Close()
	}
}

// resets makes a key and resets, for ever.
func resets(r keystore.Root) error {
	ctx := context.Background()
	for {
		h, _, err := r.Create(ctx, ctap.ES256, nil, keystore.Ungated)
		if err != nil {
			return err
		}
		fmt.Printf("made %x\n", []byte(h))
		if err := r.Gate().SetPIN(ctx, pinNumber(0)); err != nil {
			return err
		}
		fmt.Println("set")
		if err := r.Reset(ctx); err != nil {
			return err
		}
		fmt.Println("reset")
	}
}

func testKilledInReset(t *testing.T, k Kill) {
	place := k.New(t)
	d := k.open(t, place)
	sealed, err := d.Seal(t.Context(), []byte("installation"), nil, keystore.Installation)
	if err != nil {
		t.Fatal(err)
	}
	d.Root.Close()
	for range killings {
		lines := killed(t, "reset", place)
		last := lines[len(lines)-1]
		var handles []keystore.Handle
		for _, line := range lines {
			if text, ok := strings.CutPrefix(line, "made "); ok {
				h, err := hex.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				handles = append(handles, h)
			}
		}
		d := k.open(t, place)
		state := d.state()
		for i, h := range handles {
			_, err := d.Open(t.Context(), h, nil)
			switch alive, newest := err == nil, i == len(handles)-1; {
			case !alive && !errors.Is(err, fs.ErrNotExist):
				t.Errorf("after %q: a key of before: %v", last, err)
			case alive && (!newest || last == "reset"):
				t.Errorf("after %q a key lives on", last)
			case !alive && newest && strings.HasPrefix(last, "made"):
				t.Error("a key is dead before the reset began")
			case alive && newest && last == "set" && !state.Set:
				t.Error("the PIN is gone, the keys are not")
			}
		}
		if plain, err := d.Unseal(t.Context(), sealed, nil); err != nil || string(plain) != "installation" {
			t.Fatalf("what survives a reset: %q, %v", plain, err)
		}
		if err := d.Reset(t.Context()); err != nil {
			t.Fatalf("reset after a killed reset: %v", err)
		}
		d.Root.Close()
	}
}
