package software

import (
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// TestSpentFirst: a right PIN is written down as a spent try, too, before
// anybody knows that it is right. A process killed in between has told nothing
// for free.
func TestSpentFirst(t *testing.T) {
	d := newDisk()
	var left []int
	r := New(d.state, Options{Save: func(s *State) error {
		left = append(left, s.Gate.Retries)
		return d.save(s)
	}})
	if err := r.Gate().SetPIN(t.Context(), pin(1)); err != nil {
		t.Fatal(err)
	}
	left = nil
	if err := r.Gate().Open(t.Context(), pin(1)); err != nil {
		t.Fatal(err)
	}
	if want := []int{ctap.MaxPINRetries - 1, ctap.MaxPINRetries}; !slices.Equal(left, want) {
		t.Errorf("tries written down: %v, want %v", left, want)
	}
}
