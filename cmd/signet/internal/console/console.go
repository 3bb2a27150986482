// Package console talks with the person who starts the program: it shows
// choices, asks for them, and takes secrets from a terminal, a file or an open
// file descriptor, never from the command line.
package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/consent"
)

// maxSecret is the longest secret in bytes.
const maxSecret = 1024

// errNotOpen tells of a descriptor that the caller of the program did not open.
var errNotOpen = errors.New("it is not open")

// ErrEmpty tells that where a secret was to be there is none.
var ErrEmpty = errors.New("the secret is empty")

// errUnanswered tells that a person ended the input in place of an answer.
var errUnanswered = errors.New("not answered, so nothing was changed")

// attempts is how often the same question is asked of somebody who mistypes.
const attempts = 5

// A Console is a conversation on a terminal.
type Console struct{ Terminal *consent.Terminal }

// An Option is one answer that Choose offers.
type Option struct {
	// Name is the word that the command line knows the answer by.
	Name string
	// Text says what it means, in lines ready to be shown.
	Text string
}

// Say prints text and a line break.
func (c Console) Say(text string) error { return c.Terminal.Print(text + "\n") }

// Choose shows the options with their numbers and returns the name of the one
// that is chosen, by number or by name. An empty line chooses nothing.
func (c Console) Choose(ctx context.Context, title string, options []Option) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", title)
	for i, o := range options {
		fmt.Fprintf(&b, "\n  %d  %s\n", i+1, o.Name)
		for line := range strings.Lines(o.Text) {
			fmt.Fprintf(&b, "     %s", line)
		}
		if !strings.HasSuffix(o.Text, "\n") {
			b.WriteByte('\n')
		}
	}
	if err := c.Say(b.String()); err != nil {
		return "", err
	}
	for range attempts {
		answer, err := c.Terminal.ReadLine(ctx, fmt.Sprintf("Which one? [1-%d] ", len(options)))
		if err != nil {
			return "", ended(err)
		}
		answer = strings.TrimSpace(answer)
		for i, o := range options {
			if strings.EqualFold(answer, o.Name) || answer == strconv.Itoa(i+1) {
				return o.Name, nil
			}
		}
		if err := c.Say(fmt.Sprintf("  Type a number from 1 to %d, or one of the words %s.", len(options), names(options))); err != nil {
			return "", err
		}
	}
	return "", errors.New("no option was chosen")
}

func names(options []Option) string {
	var names []string
	for _, o := range options {
		names = append(names, o.Name)
	}
	return strings.Join(names, ", ")
}

// ended puts the end of the input into words.
func ended(err error) error {
	if err == io.EOF {
		return errUnanswered
	}
	return err
}

// Line asks for one line of text; an empty answer is the fallback.
func (c Console) Line(ctx context.Context, question, fallback string) (string, error) {
	if fallback != "" {
		question += " [" + fallback + "]"
	}
	answer, err := c.Terminal.ReadLine(ctx, question+": ")
	if err != nil {
		return "", ended(err)
	}
	if answer = strings.TrimSpace(answer); answer == "" {
		return fallback, nil
	}
	return answer, nil
}

// Secret asks for a secret that exists. The caller wipes it.
func (c Console) Secret(ctx context.Context, name string) ([]byte, error) {
	secret, err := c.Terminal.ReadSecret(ctx, name+": ")
	return secret, ended(err)
}

// NewSecret asks for a secret twice, until both are the same and check accepts
// it. The caller wipes it.
func (c Console) NewSecret(ctx context.Context, name string, check func([]byte) error) ([]byte, error) {
	for range attempts {
		first, err := c.Terminal.ReadSecret(ctx, "New "+name+": ")
		if err != nil {
			return nil, ended(err)
		}
		if err := check(first); err != nil {
			clear(first)
			if err := c.Say("  " + sentence(err)); err != nil {
				return nil, err
			}
			continue
		}
		if len(first) == 0 {
			return nil, nil // check lets it be left out
		}
		second, err := c.Terminal.ReadSecret(ctx, "The same again: ")
		same := err == nil && bytes.Equal(first, second)
		clear(second)
		if same {
			return first, nil
		}
		clear(first)
		if err != nil {
			return nil, ended(err)
		}
		if err := c.Say("  These two differ."); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no %s was chosen", name)
}

func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// ReadSecretFile reads a secret from a file that nobody else can read or change:
// its first line, without the line break, 1 to 1024 bytes. The caller wipes it.
func ReadSecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := access.CheckSecret(path, f); err != nil {
		return nil, err
	}
	return readSecret(f, path)
}

// ReadSecretFD is ReadSecretFile for a file that the caller of the program
// opened: one that it did not open is an error, never a file that happens to have
// the number. It stays open: the next line may be another secret.
func ReadSecretFD(fd int) ([]byte, error) {
	name := "file descriptor " + strconv.Itoa(fd)
	f, err := duplicate(fd, name)
	if errors.Is(err, errNotOpen) {
		return nil, fmt.Errorf("%s is not open: whoever calls signet opens it, as %d<FILE does", name, fd)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	return readSecret(f, name)
}

// readSecret reads byte by byte, so that one descriptor can serve several
// secrets, a line each.
func readSecret(r io.Reader, name string) ([]byte, error) {
	secret := make([]byte, 0, maxSecret)
	b := make([]byte, 1)
	for {
		_, err := io.ReadFull(r, b)
		switch {
		case err == io.EOF, err == nil && b[0] == '\n':
			if secret = bytes.TrimSuffix(secret, []byte{'\r'}); len(secret) == 0 {
				return nil, fmt.Errorf("%s: %w", name, ErrEmpty)
			}
			return secret, nil
		case err != nil:
			clear(secret)
			return nil, fmt.Errorf("read a secret: %w", err)
		case len(secret) == maxSecret:
			clear(secret)
			return nil, fmt.Errorf("%s: the secret is longer than %d bytes", name, maxSecret)
		}
		secret = append(secret, b[0])
	}
}
