// Command bench tells what the layers cost: it sets whole ceremonies, bytes in
// to bytes out and JSON in to JSON out, beside the bare cryptography that they
// cannot do without, the vault beside the bare database, and signet serve beside an
// HTTP server that does nothing. Both sides take turns of 50 ms, in one process
// on one core where they can, so only the ratios mean anything. Ceremonies are
// measured in processor time, the disk and HTTP in wall time.
//
//	go run ./bench [-rounds 40] [-run pattern] [-cpuprofile file]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
)

func main() {
	rounds := flag.Int("rounds", 40, "rounds of each comparison")
	pattern := flag.String("run", "", "only comparisons whose name matches `pattern`")
	profile := flag.String("cpuprofile", "", "write a CPU profile to `file`")
	flag.Parse()
	if err := compare(context.Background(), *rounds, *pattern, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, rounds int, pattern, profile string) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if rounds < 10 {
		return fmt.Errorf("%d rounds are not enough to tell anything: at least 10", rounds)
	}
	runtime.GOMAXPROCS(1)
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	dir, err := os.MkdirTemp("", "signet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	emulator, err := startEmulator(dir)
	if err != nil {
		return err
	}
	builds := []func(ctx context.Context, dir string) ([]comparison, error){ceremonies, browsers, virtuals, registrations, storage, service}
	if emulator != nil {
		defer emulator.stop()
		builds = append(builds, emulator.ceremonies)
	}

	builds = append(builds, crowds)

	fmt.Printf("%-34s %6s  %-13s %9s %9s %8s %8s %6s %s\n",
		"", "ratio", "quartiles", "one turn", "bare", "allocs", "bytes", "bare", "rounds")
	for _, build := range builds {
		comparisons, err := build(ctx, dir)
		if err != nil {
			return err
		}
		for _, c := range comparisons {
			if !wanted.MatchString(c.name) {
				continue
			}
			r, err := c.measure(rounds)
			if err != nil {
				return err
			}
			fmt.Printf("%-34s %6.3f  %.3f..%.3f %9s %9s %8d %8d %6d %d, %d dropped\n", c.name,
				r.ratio, r.low, r.high, r.subject, r.bare, r.allocs, r.bytes, r.bareAllocs, r.rounds, r.dropped)
		}
	}
	if emulator == nil {
		fmt.Println("TPM: left out, there is no swtpm")
		return nil
	}
	return emulator.commands(ctx, dir)
}
