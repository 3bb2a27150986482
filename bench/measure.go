package main

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// comparison sets what a subject does beside a reference that does the part of
// it that cannot be saved.
type comparison struct {
	name string
	// clock is what both are measured by: processorTime, or wallTime for what
	// waits for the disk or for another process.
	clock     func() time.Duration
	subject   func() error
	reference func() error
	// prepare, where there is one, makes what the two need that takes its time, and
	// done lets go of it: before the first turn and after the last.
	prepare func() error
	done    func() error
	// cores tells that all of the machine's may be used: what is measured happens
	// in other processes too.
	cores bool
}

// result is a comparison's outcome. A ratio is the subject's rate over the
// reference's: 1 would be a subject that costs nothing beside the reference.
type result struct {
	ratio, low, high float64       // median and quartiles over the rounds
	subject, bare    time.Duration // medians of one turn
	allocs, bytes    uint64        // of the subject, a turn
	bareAllocs       uint64
	rounds, dropped  int
}

// slice is how long one of the two runs before it is the other's turn: rates
// drift on a shared machine, and the two should drift together.
const slice = 50 * time.Millisecond

// drift is how far a round's reference may be off its median. A round beyond it
// was disturbed, and is dropped.
const drift = 0.10

// measure prepares, takes turns, and is done.
func (c *comparison) measure(rounds int) (r result, err error) {
	if c.cores {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU()))
	}
	if c.done != nil {
		defer func() { err = errors.Join(err, c.done()) }()
	}
	if c.prepare != nil {
		if err := c.prepare(); err != nil {
			return r, fmt.Errorf("%s: prepare: %w", c.name, err)
		}
	}
	return c.takeTurns(rounds)
}

func (c *comparison) takeTurns(rounds int) (r result, err error) {
	if r.allocs, r.bytes, err = allocations(c.subject); err != nil {
		return r, fmt.Errorf("%s: %w", c.name, err)
	}
	if r.bareAllocs, _, err = allocations(c.reference); err != nil {
		return r, fmt.Errorf("%s: reference: %w", c.name, err)
	}
	pairs := make([]pair, rounds)
	for i := range pairs {
		if pairs[i].reference, err = run(c.clock, c.reference); err != nil {
			return r, fmt.Errorf("%s: reference: %w", c.name, err)
		}
		if pairs[i].subject, err = run(c.clock, c.subject); err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	kept := undisturbed(pairs)
	r.rounds, r.dropped = len(kept), rounds-len(kept)
	r.low, r.ratio, r.high = quartiles(kept, func(p pair) float64 { return p.reference / p.subject })
	_, subject, _ := quartiles(kept, func(p pair) float64 { return p.subject })
	_, bare, _ := quartiles(kept, func(p pair) float64 { return p.reference })
	r.subject, r.bare = time.Duration(subject), time.Duration(bare)
	return r, nil
}

// pair is one round: nanoseconds a turn.
type pair struct{ subject, reference float64 }

// run takes turns for the length of a slice.
func run(clock func() time.Duration, turn func() error) (nanoseconds float64, err error) {
	n := 0
	start := clock()
	for {
		// Reading a clock costs as much as a small turn.
		for range 8 {
			if err := turn(); err != nil {
				return 0, err
			}
			n++
		}
		if took := clock() - start; took >= slice {
			return float64(took) / float64(n), nil
		}
	}
}

var started = time.Now()

func wallTime() time.Duration { return time.Since(started) }

func allocations(turn func() error) (count, bytes uint64, err error) {
	const turns = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range turns {
		if err := turn(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / turns, (after.TotalAlloc - before.TotalAlloc) / turns, nil
}

// undisturbed keeps the rounds whose reference is near that of the one in the
// middle, which is always among them.
func undisturbed(all []pair) []pair {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b pair) int { return cmp.Compare(a.reference, b.reference) })
	median := sorted[len(sorted)/2].reference
	return slices.DeleteFunc(slices.Clone(all), func(p pair) bool {
		return p.reference < median*(1-drift) || p.reference > median*(1+drift)
	})
}

// quartiles returns the first quartile, the median and the third quartile of a
// value over the rounds, of which there is at least one.
func quartiles(rounds []pair, value func(pair) float64) (low, median, high float64) {
	v := make([]float64, len(rounds))
	for i, p := range rounds {
		v[i] = value(p)
	}
	slices.SortFunc(v, cmp.Compare[float64])
	at := func(q float64) float64 {
		x := q * float64(len(v)-1)
		i := int(x)
		if i+1 == len(v) {
			return v[i]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return at(0.25), at(0.5), at(0.75)
}
