package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
	"github.com/seed-77d61853/signet/rptest/report"
)

// outputFlags say where reports go: to files, or one to standard output for "-".
type outputFlags struct {
	JSON, JUnit, SARIF, HTML string

	Baseline      string
	WriteBaseline string

	place string // of findings in SARIF: the mapping, as inRepository has it
}

func (f *outputFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.JSON, "json", "", `write a report in JSON to this file; "-" is standard output, in place of the table`)
	flags.StringVar(&f.JUnit, "junit", "", "write a report in JUnit XML to this file")
	flags.StringVar(&f.SARIF, "sarif", "", "write a report in SARIF 2.1.0 to this file")
	flags.StringVar(&f.HTML, "html", "", "write a report as a page to this file")
	flags.StringVar(&f.Baseline, "baseline", "", "file of known findings: they do not fail the audit, unless they got worse")
	flags.StringVar(&f.WriteBaseline, "write-baseline", "", "write the findings to this file, as known ones")
}

const standardOutput = "-"

type output struct {
	flag, path string
	write      func(io.Writer, *rptest.Report) error
}

func (f *outputFlags) outputs() (chosen []output) {
	for _, o := range []output{
		{"json", f.JSON, report.JSON}, {"junit", f.JUnit, f.judged(report.JUnit)}, {"sarif", f.SARIF, f.judged(report.SARIFAt(f.place))}, {"html", f.HTML, report.HTML},
	} {
		if o.path != "" {
			chosen = append(chosen, o)
		}
	}
	return chosen
}

// inRepository is a file's path from the root of the repository that it is in, with
// slashes; from the working directory where it is in none, and "" outside of that.
func inRepository(file string) string {
	if file == "" {
		return ""
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	root, err := os.Getwd()
	if err != nil {
		return ""
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			root = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if file, err = filepath.Rel(root, file); err != nil || !filepath.IsLocal(file) {
		return ""
	}
	return filepath.ToSlash(file)
}

// judged writes a report by which pipelines judge as by the exit status: with
// --write-baseline nothing fails but that the audit was stopped.
func (f *outputFlags) judged(write func(io.Writer, *rptest.Report) error) func(io.Writer, *rptest.Report) error {
	if f.WriteBaseline == "" {
		return write
	}
	return func(w io.Writer, found *rptest.Report) error {
		judged := *found
		judged.FailOn = rptest.Critical + 1
		return write(w, &judged)
	}
}

func (f *outputFlags) check(cmd *cobra.Command) error {
	taken := map[string]string{}
	for _, o := range append(f.outputs(), output{flag: "write-baseline", path: f.WriteBaseline}) {
		if other, ok := taken[o.path]; ok && o.path != "" {
			return usagef(cmd, "--%s and --%s go to the same place", other, o.flag)
		}
		taken[o.path] = o.flag
	}
	return nil
}

// prepare finds out before the audit that a report could not be written after it.
// It leaves no file behind that was not there.
func (f *outputFlags) prepare() error {
	for _, o := range append(f.outputs(), output{flag: "write-baseline", path: f.WriteBaseline}) {
		if o.path == standardOutput || o.path == "" {
			continue
		}
		if err := tryWriting(o.path); err != nil {
			return fileError{fmt.Errorf("--%s: %w", o.flag, err)}
		}
	}
	return nil
}

func tryWriting(path string) error {
	_, err := os.Stat(path)
	created := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = file.Close()
	if created {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// write writes every report that was asked for, and the table, or the explanation
// of the one case, to out where nothing else goes there.
func (f *outputFlags) write(out io.Writer, found *rptest.Report, explains bool) error {
	table := report.Table
	if explains {
		table = explainOne
	}
	for _, o := range f.outputs() {
		if o.path == standardOutput {
			table = o.write
			continue
		}
		var text bytes.Buffer
		if err := o.write(&text, found); err != nil {
			return fmt.Errorf("--%s: %w", o.flag, err)
		}
		if err := os.WriteFile(o.path, text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("--%s: %w", o.flag, err)
		}
	}
	return table(out, found)
}

// explainOne explains the one result of a report.
func explainOne(out io.Writer, found *rptest.Report) error {
	if _, err := fmt.Fprintf(out, "%s, seed %s\n\n", explain.Visible(found.RP), explain.Visible(found.Seed)); err != nil {
		return err
	}
	return report.Explanation(out, &found.Results[0])
}

// fileError is that a file which the user named could not be used.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

func (e fileError) hint() string {
	switch {
	case errors.Is(e, fs.ErrNotExist):
		return "Look at the path: there is no such file or folder."
	case errors.Is(e, fs.ErrPermission):
		return "You must be allowed to use the file and its folder."
	}
	return ""
}

// baselineError is that a baseline could not be read.
type baselineError struct{ fileError }

func (e baselineError) hint() string {
	if errors.Is(e, fs.ErrPermission) {
		return e.fileError.hint()
	}
	return "Look at the path, or write a baseline with --write-baseline."
}
