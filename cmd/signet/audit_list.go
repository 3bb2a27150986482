package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/seed-77d61853/signet/rptest"
)

// writeCases lists cases, in JSON to a file where one is named.
func writeCases(w io.Writer, cases []rptest.Case, file string) error {
	if file != "" {
		return writeJSONTo(w, file, cases)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CASE\tWANTED\tSEVERITY\tDONE")
	never, slow := 0, 0
	for _, c := range cases {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\n", c.ID, c.Want, c.Sev, c.Recipe, note(&c))
		switch {
		case c.NotRun != "":
			never++
		case c.Slow:
			slow++
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d cases, %d of them slow: they are played with --slow. %d more are never played; reports say why.\n",
		len(cases)-never, slow, never)
	return err
}

func writeJSONTo(w io.Writer, file string, v any) error {
	if file == standardOutput {
		return writeJSON(w, v)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(writeJSON(f, v), f.Close())
}

func note(c *rptest.Case) string {
	switch {
	case c.NotRun != "":
		return " (not played)"
	case c.Slow:
		return " (slow)"
	}
	return ""
}
