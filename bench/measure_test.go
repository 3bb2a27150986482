package main

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestQuartiles(t *testing.T) {
	rounds := []pair{{subject: 4}, {subject: 1}, {subject: 3}, {subject: 2}, {subject: 5}}
	low, median, high := quartiles(rounds, func(p pair) float64 { return p.subject })
	if low != 2 || median != 3 || high != 4 {
		t.Errorf("%v %v %v", low, median, high)
	}
	if low, median, high := quartiles(rounds[:1], func(p pair) float64 { return p.subject }); low != 4 || median != 4 || high != 4 {
		t.Errorf("of one: %v %v %v", low, median, high)
	}
}

func TestUndisturbed(t *testing.T) {
	kept := undisturbed([]pair{{10, 100}, {11, 109}, {12, 91}, {50, 112}, {50, 88}})
	if len(kept) != 3 || kept[0].subject != 10 || kept[2].subject != 12 {
		t.Errorf("kept %v", kept)
	}
	// Between two rounds that are far apart there is nothing.
	if kept := undisturbed([]pair{{1, 100}, {2, 200}}); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// A subject that does its reference's work twice over has a ratio of a half.
func TestMeasure(t *testing.T) {
	var now time.Duration
	spend := func(d time.Duration) func() error {
		return func() error { now += d; return nil }
	}
	c := comparison{name: "spend", clock: func() time.Duration { return now }, subject: spend(20 * time.Microsecond), reference: spend(10 * time.Microsecond)}
	r, err := c.measure(10)
	if err != nil {
		t.Fatal(err)
	}
	if r.ratio != 0.5 || r.subject != 20*time.Microsecond || r.rounds != 10 {
		t.Errorf("measured %+v", r)
	}
	var steps []string
	c.prepare = func() error { steps = append(steps, "prepared"); return nil }
	c.done = func() error { steps = append(steps, "done"); return nil }
	c.subject = func() error { return errors.New("no") }
	if _, err := c.measure(10); err == nil {
		t.Error("a failing subject was measured")
	}
	if !slices.Equal(steps, []string{"prepared", "done"}) {
		t.Errorf("%q", steps)
	}
}
