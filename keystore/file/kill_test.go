package file

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
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

// The tests of this file start the test program again as a victim, which works
// on a root file and says what it begins and what it has done, until it is
// killed at a random moment. What it said must hold for the file.

const victimEnv = "SIGNET_TEST_VICTIM"

func TestMain(m *testing.M) {
	work, path, ok := strings.Cut(os.Getenv(victimEnv), " ")
	if !ok {
		os.Exit(m.Run())
	}
	var err error
	switch work {
	case "pin":
		err = changePINs(path)
	case "reset":
		err = resets(path)
	}
	fmt.Println("failed", err)
}

// killed runs a victim until it has been at work for a moment, kills it, and
// returns the lines that it wrote.
func killed(t *testing.T, work, path string, moment time.Duration) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command(self)
	victim.Env = append(os.Environ(), victimEnv+"="+work+" "+path)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
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

func pinNumber(n int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:16]
}

// changePINs changes the PIN from its number to the next, after wrong tries,
// for ever.
func changePINs(path string) error {
	ctx := context.Background()
	r, err := cheap.Open(ctx, path, horse)
	if err != nil {
		return err
	}
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

func TestKilledInPINChange(t *testing.T) {
	const rounds = 40
	path := created(t, horse)
	pin := 0
	r := mustOpen(t, path, horse)
	sealed, err := r.Seal(t.Context(), []byte("gated"), nil, keystore.Gated)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Gate().SetPIN(t.Context(), pinNumber(pin)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for range rounds {
		t.Setenv("SIGNET_TEST_PIN", fmt.Sprint(pin))
		lines := killed(t, "pin", path, time.Duration(rand.IntN(15000))*time.Microsecond)
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

		r := mustOpen(t, path, horse)
		state, err := r.Gate().State(t.Context())
		if err != nil || !state.Set {
			t.Fatalf("after %q: %+v, %v", last, state, err)
		}
		most, least := ctap.MaxPINRetries-wrong, ctap.MaxPINRetries-wrong-1
		full := state.Retries == ctap.MaxPINRetries && (last == "trying" || last == "right")
		if !full && (state.Retries > most || state.Retries < least) {
			t.Errorf("after %q and %d wrong tries: %d left", last, wrong, state.Retries)
		}
		// The change may have happened where the old PIN had been right.
		if errNew := r.Gate().Open(t.Context(), pinNumber(pin+1)); errNew == nil {
			if last != "right" && last != "trying" {
				t.Fatalf("after %q the next PIN is right already", last)
			}
			pin++
			wants(t, "the old PIN", r.Gate().Open(t.Context(), pinNumber(pin-1)), keystore.ErrWrongPIN)
		} else {
			wants(t, "the new PIN", errNew, keystore.ErrWrongPIN)
		}
		if err := r.Gate().Open(t.Context(), pinNumber(pin)); err != nil {
			t.Fatalf("after %q neither PIN is right: %v", last, err)
		}
		if plain, err := r.Unseal(t.Context(), sealed, nil); err != nil || string(plain) != "gated" {
			t.Fatalf("what was sealed behind the gate: %q, %v", plain, err)
		}
		r.Close()
	}
}

// resets makes a key and resets, for ever.
func resets(path string) error {
	ctx := context.Background()
	r, err := cheap.Open(ctx, path, horse)
	if err != nil {
		return err
	}
	for {
		h, _, err := r.Create(ctx, ctap.EdDSA, nil, keystore.Ungated)
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

func TestKilledInReset(t *testing.T) {
	const rounds = 40
	path := created(t, horse)
	r := mustOpen(t, path, horse)
	sealed, err := r.Seal(t.Context(), []byte("installation"), nil, keystore.Installation)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	for range rounds {
		lines := killed(t, "reset", path, time.Duration(rand.IntN(15000))*time.Microsecond)
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
		r := mustOpen(t, path, horse)
		state, err := r.Gate().State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range handles {
			_, err := r.Open(t.Context(), h, nil)
			switch alive := err == nil; {
			case !alive && !errors.Is(err, fs.ErrNotExist):
				t.Errorf("after %q: a key of before: %v", last, err)
			case alive && (i < len(handles)-1 || last == "reset"):
				t.Errorf("after %q a key lives on", last)
			case !alive && i == len(handles)-1 && strings.HasPrefix(last, "made"):
				t.Error("a key is dead before the reset began")
			case !alive && i == len(handles)-1 && state.Set:
				t.Errorf("after %q the keys are gone, the PIN is not", last)
			}
		}
		if last == "set" && !state.Set {
			if _, err := r.Open(t.Context(), handles[len(handles)-1], nil); err == nil {
				t.Error("the PIN is gone, the keys are not")
			}
		}
		if plain, err := r.Unseal(t.Context(), sealed, nil); err != nil || !bytes.Equal(plain, []byte("installation")) {
			t.Fatalf("what survives a reset: %q, %v", plain, err)
		}
		if err := r.Reset(t.Context()); err != nil {
			t.Fatalf("reset after a killed reset: %v", err)
		}
		r.Close()
	}
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
