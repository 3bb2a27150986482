package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Outcomes of a trial. Only the first is good.
const (
	outcomeKilled   = "killed"
	outcomeSurvived = "SURVIVED"
	outcomeNoPatch  = "DOES NOT APPLY"
	outcomeNoBuild  = "DOES NOT BUILD"
	outcomeBaseline = "TEST IS NO USE" // it fails, or runs nothing, without the patch
)

type verdict struct {
	outcome string
	detail  string // of a bad outcome: what the tools printed
	took    time.Duration
}

// laboratory tries patches. Safe for concurrent use.
type laboratory struct {
	root string // of the module
	temp string // for what is built

	baselines sync.Map // pkg + test -> func() error
	binaries  sync.Map // pkg -> func() (string, error)
	serial    sync.Mutex
	made      int
}

// testTimeout bounds one test binary. A mutant that hangs is killed by it.
const testTimeout = 90 * time.Second

// try applies one patch and runs its test, after that test's baseline.
func (l *laboratory) try(ctx context.Context, p *patch) verdict {
	if err := l.baseline(ctx, p.pkg, p.test); err != nil {
		return verdict{outcome: outcomeBaseline, detail: err.Error()}
	}
	start := time.Now()
	v := verdict{}
	v.outcome, v.detail = l.mutate(ctx, p)
	v.took = time.Since(start)
	return v
}

func (l *laboratory) mutate(ctx context.Context, p *patch) (outcome, detail string) {
	dir, err := l.dir()
	if err != nil {
		return outcomeNoPatch, err.Error()
	}
	defer os.RemoveAll(dir)
	overlay, err := l.apply(ctx, p, dir)
	if err != nil {
		return outcomeNoPatch, err.Error()
	}
	binary := filepath.Join(dir, "mutant.test")
	if err := l.build(ctx, p.pkg, binary, "-overlay", overlay); err != nil {
		return outcomeNoBuild, err.Error()
	}
	if _, err := l.run(ctx, p.pkg, binary, p.test); err == nil {
		return outcomeSurvived, ""
	} else if ctx.Err() != nil {
		return outcomeSurvived, ctx.Err().Error()
	}
	return outcomeKilled, ""
}

// apply copies the files that a patch changes into dir, patches them there, and
// returns the path of an overlay that puts them in the tree's place.
func (l *laboratory) apply(ctx context.Context, p *patch, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for _, file := range p.files {
		source, copied := filepath.Join(l.root, file), filepath.Join(dir, file)
		content, err := os.ReadFile(source)
		if err != nil {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(copied, content, 0o644); err != nil {
			return "", err
		}
		replace[source] = copied
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "-")
	cmd.Dir = dir
	// Within a repository git apply would ignore files outside of it.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	cmd.Stdin = bytes.NewReader(p.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s", out)
	}
	for source, copied := range replace {
		before, _ := os.ReadFile(source)
		after, err := os.ReadFile(copied)
		if err != nil {
			return "", err
		}
		if bytes.Equal(before, after) {
			return "", fmt.Errorf("%s is unchanged", source)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, content, 0o644)
}

// baseline requires that a test passes without a patch; each is run once.
func (l *laboratory) baseline(ctx context.Context, pkg, test string) error {
	once, _ := l.baselines.LoadOrStore(pkg+" "+test, sync.OnceValue(func() error {
		binary, err := l.binary(ctx, pkg)
		if err != nil {
			return err
		}
		out, err := l.run(ctx, pkg, binary, test)
		if err != nil {
			return fmt.Errorf("%s\n%w", telling(out), err)
		}
		if bytes.Contains(out, []byte("testing: warning: no tests to run")) || bytes.Contains(out, []byte("--- SKIP")) {
			return fmt.Errorf("no test of %s that runs here matches %s", pkg, test)
		}
		return nil
	}))
	return once.(func() error)()
}

// binary builds a package's unchanged test, once.
func (l *laboratory) binary(ctx context.Context, pkg string) (string, error) {
	once, _ := l.binaries.LoadOrStore(pkg, sync.OnceValues(func() (string, error) {
		dir, err := l.dir()
		if err != nil {
			return "", err
		}
		binary := filepath.Join(dir, "baseline.test")
		return binary, l.build(ctx, pkg, binary)
	}))
	return once.(func() (string, error))()
}

func (l *laboratory) build(ctx context.Context, pkg, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = l.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s%w", out, err)
	}
	if _, err := os.Stat(binary); err != nil {
		return errors.New("no test files")
	}
	return nil
}

// run runs one test of a binary in its package's folder, as go test does.
func (l *laboratory) run(ctx context.Context, pkg, binary, test string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.failfast", "-test.timeout", testTimeout.String(), "-test.run", test)
	cmd.Dir = filepath.Join(l.root, pkg)
	return cmd.CombinedOutput()
}

// telling is a test's output without the lines that say that all is well.
func telling(out []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(out)) {
		if t := strings.TrimSpace(line); !strings.HasPrefix(t, "===") && !strings.HasPrefix(t, "--- PASS") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// dir makes a folder for one build.
func (l *laboratory) dir() (string, error) {
	l.serial.Lock()
	defer l.serial.Unlock()
	l.made++
	dir := filepath.Join(l.temp, fmt.Sprint(l.made))
	return dir, os.Mkdir(dir, 0o755)
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
