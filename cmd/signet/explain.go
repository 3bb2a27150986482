package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	decoding "github.com/seed-77d61853/signet/rptest/explain"
)

func newExplain() *cobra.Command {
	var lint bool
	cmd := &cobra.Command{
		Use:   "explain [FILE [OTHER]]",
		Short: "Take WebAuthn's JSON and CBOR apart",
		Long: `Explain takes apart what a site and a browser say to each other, down to flags, keys and
certificates: options, a registration response or an authentication response in JSON, or
an attestation object, authenticator data, client data, a public key, a certificate or a
signature alone, as they are, or in base64url, base64 or hexadecimal. It reads standard
input where no file is named, or "-".

Of options it also tells what will surprise, and why. With --lint it ends with status 1
where browsers refuse them or they are not safe. With two files it prints in what they
differ, for a report of a flaw: a control and a fault.`,
		Example: `  signet explain options.json
  signet explain --lint options.json
  signet explain < registration.json
  echo eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0 | signet explain
  signet explain control.json fault.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef(cmd, "explain takes a file, or two to compare")
			}
			if len(args) == 2 && args[0] == standardOutput && args[1] == standardOutput {
				return usagef(cmd, "standard input can be one of the two alone")
			}
			return nil
		},
		PersistentPreRunE: withoutDevice("explain only reads what it is given"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var read [2][]byte
			for i := range max(1, len(args)) {
				path := standardOutput
				if i < len(args) {
					path = args[i]
				}
				var err error
				if read[i], err = readExplained(cmd.InOrStdin(), path); err != nil {
					return err
				}
			}
			if len(args) == 2 {
				return writeDifference(cmd.OutOrStdout(), read, args)
			}
			if kind := decoding.Recognise(read[0]); lint && !kind.Lintable() {
				return notOptionsError{kind}
			}
			if err := writeExplanation(cmd.OutOrStdout(), read[0]); err != nil {
				return err
			}
			if !lint && (cmd.Flags().Changed("lint") || decoding.Recognise(read[0]) != decoding.Options) {
				return nil
			}
			return writeLint(cmd.OutOrStdout(), decoding.Lint(read[0]), lint)
		},
	}
	cmd.Flags().BoolVar(&lint, "lint", false, "take it for options, and fail where browsers refuse them; --lint=false does not look")
	return cmd
}

// maxExplained bounds what is read, in bytes.
const maxExplained = 4 << 20

func readExplained(in io.Reader, path string) ([]byte, error) {
	if path != standardOutput {
		f, err := os.Open(path)
		if err != nil {
			return nil, fileError{err}
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxExplained+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read what to explain: %w", err)
	case len(data) > maxExplained:
		return nil, fmt.Errorf("read what to explain: it is longer than %d MiB", maxExplained>>20)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nothingError{}
	}
	return data, nil
}

// notOptionsError is that --lint was given what it is not about.
type notOptionsError struct{ kind decoding.Kind }

func (e notOptionsError) Error() string {
	return "this is " + e.kind.Phrase() + ", and --lint is about options"
}

func (notOptionsError) hint() string {
	return "Give it what the site sends before the ceremony; without --lint, explain takes this apart."
}

// writeExplanation explains what was read. It fails where that is nothing of
// WebAuthn.
func writeExplanation(out io.Writer, data []byte) error {
	if err := readable(data); err != nil {
		return unknownError{err}
	}
	if _, err := io.WriteString(out, decoding.Explain(data)); err != nil {
		return err
	}
	switch decoding.Recognise(data) {
	case decoding.Empty:
		return unknownError{errors.New("nothing is in it")}
	case decoding.Unknown:
		return unknownError{errors.New("this is nothing of WebAuthn that could be told by itself")}
	case decoding.AuthenticatorDataPerhaps:
		_, err := fmt.Fprintln(out, "\nNot all of it is authenticator data: perhaps none is, and it is a raw key, signature or ID.")
		return err
	}
	return nil
}

// readable tells what is wrong with text that was to be JSON, or is no encoding of
// bytes.
func readable(data []byte) error {
	text := bytes.TrimSpace(data)
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return nil // bytes
	}
	if text[0] == '{' || text[0] == '[' || text[0] == '"' {
		return jsonError(text)
	}
	encoded := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSpace(r)) || strings.ContainsRune("+/-_=", r)
	}
	if bytes.ContainsFunc(text, func(r rune) bool { return !encoded(r) }) {
		return errors.New("this is neither JSON, nor base64, nor hexadecimal")
	}
	return nil
}

// jsonError says where text stops being JSON; nil where it is.
func jsonError(text []byte) error {
	err := json.Unmarshal(text, new(any))
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := text[:min(int(wrong.Offset), len(text))]
		return fmt.Errorf("this is no JSON: line %d, column %d: %w",
			1+bytes.Count(before, []byte("\n")), len(before)-1-bytes.LastIndexByte(before, '\n'), err)
	}
	return fmt.Errorf("this is no JSON: %w", err)
}

// unknownError is that what was read is nothing that can be explained.
type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

func (unknownError) hint() string {
	return "It takes options or responses in JSON, as the page got or posted them, or alone: an attestation\n" +
		"  object, authenticator data, client data, or in DER a public key, a certificate or a signature;\n" +
		"  in base64url, base64 or hexadecimal."
}

// nothingError is that there is nothing to explain.
type nothingError struct{}

func (nothingError) Error() string { return "there is nothing to explain: the input is empty" }

func (nothingError) hint() string {
	return "Name a file, or pipe into it what the page got or posted: options, a response, an attestation object."
}

func writeDifference(out io.Writer, read [2][]byte, paths []string) error {
	changes := decoding.Diff(read[0], read[1])
	if len(changes) == 0 {
		_, err := fmt.Fprintln(out, "They do not differ.")
		return err
	}
	control, fault := sideNames(paths[0], paths[1])
	_, err := io.WriteString(out, decoding.TableOf(changes, control, fault))
	return err
}

// maxSide is how long the name of a file is shown beside what is in it, in characters.
const maxSide = 32

// sideNames are what two files are called where they are compared: by their last
// elements, as many as tell them apart.
func sideNames(a, b string) (string, string) {
	split := func(path string) []string {
		if path == standardOutput {
			return []string{"stdin"}
		}
		return strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	}
	as, bs := split(a), split(b)
	n := 1
	for n < max(len(as), len(bs)) && slices.Equal(last(as, n), last(bs, n)) {
		n++
	}
	a, b = strings.Join(last(as, n), "/"), strings.Join(last(bs, n), "/")
	if shortA, shortB := shortened(a), shortened(b); shortA != shortB {
		return shortA, shortB
	}
	return a, b
}

func last(elements []string, n int) []string { return elements[max(0, len(elements)-n):] }

// shortened keeps a name's begin and end.
func shortened(name string) string {
	r := []rune(name)
	if len(r) <= maxSide {
		return name
	}
	const kept = (maxSide - 1) / 2
	return string(r[:kept]) + "…" + string(r[len(r)-kept:])
}

// writeLint prints what will surprise. It fails for what browsers refuse, where
// the user asked for that.
func writeLint(out io.Writer, findings []decoding.Finding, fails bool) error {
	if len(findings) == 0 {
		_, err := fmt.Fprintln(out, "\nNothing in these options will surprise.")
		return err
	}
	fmt.Fprintln(out, "\nWHAT WILL SURPRISE")
	refused := 0
	for _, f := range findings {
		mark := "note"
		if f.Fails {
			mark = "FAILS"
			refused++
		}
		path := f.Path
		if path == "" {
			path = "(all)"
		}
		if _, err := fmt.Fprintf(out, "  %-5s  %s: %s; %s\n", mark, path, f.Problem, f.Effect); err != nil {
			return err
		}
	}
	if fails && refused > 0 {
		return statusFinding
	}
	return nil
}
