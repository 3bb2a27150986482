// Command mutants tests the tests: it applies each patch of a folder to the tree
// in memory, and requires that what is left compiles and that the test which
// the patch names fails. A patch removes one security check. It opens with
//
//	Check: what it removes, in one sentence
//	Package: ./authenticator
//	Test: ^TestName$ (as go test -run takes it)
//	Trap: T10 (optional: its row in TRAPS.md)
//
//	go run ./internal/mutants [-j 2] [-run pattern] folder
//
// It runs at the root of the module, which it does not write to: go build's
// -overlay puts the patched files in the place of the real ones.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"
)

func main() {
	jobs := flag.Int("j", runtime.NumCPU(), "`patches` to run at the same time")
	pattern := flag.String("run", "", "run only patches whose name matches `pattern`")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: mutants [-j 2] [-run pattern] folder")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, flag.Arg(0), *pattern, *jobs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, folder, pattern string, jobs int) (ok bool, err error) {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return false, err
	}
	patches, err := readPatches(folder)
	if err != nil {
		return false, err
	}
	if err := checkTraps(filepath.Join(folder, "TRAPS.md"), patches); err != nil {
		return false, err
	}
	root, err := os.Getwd()
	if err != nil {
		return false, err
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp)

	start := time.Now()
	l := &laboratory{root: root, temp: temp}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards the counts, and the output
	var killed, failed int
	slots := make(chan struct{}, jobs)
	for _, p := range patches {
		if !wanted.MatchString(p.name) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			v := l.try(ctx, p)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if v.outcome == outcomeKilled {
				killed++
			} else {
				failed++
			}
			fmt.Printf("%-14s %5.1fs  %-36s %s\n", v.outcome, v.took.Seconds(), p.name, p.check)
			if v.detail != "" {
				fmt.Println(indent(v.detail))
			}
		})
	}
	wg.Wait()
	fmt.Printf("\n%d mutants in %s\n%d passed, %d failed\n",
		killed+failed, time.Since(start).Round(time.Second), killed, failed)
	return failed == 0 && killed > 0, nil
}
