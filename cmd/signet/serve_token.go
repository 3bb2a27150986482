package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	service "github.com/seed-77d61853/signet/cmd/signet/internal/serve"
)

// tokenVariable is the environment variable that may hold the token.
const tokenVariable = "SIGNET_TOKEN"

// serveToken is the secret that clients of signet serve have to know.
type serveToken struct {
	value string
	file  string // empty: it came from the environment
	made  []string
}

// String does not tell it.
func (serveToken) String() string { return "[redacted]" }

// remove removes what was made for the token.
func (t serveToken) remove() error {
	var failed error
	for _, path := range t.made {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// token gets the token, or makes one. Where other machines reach the service, it
// has to be one that the user has a hand in.
func (f *serveFlags) token(loopback bool) (serveToken, error) {
	value := os.Getenv(tokenVariable)
	switch {
	case value != "" && f.TokenFile != "":
		return serveToken{}, fmt.Errorf("both --token-file and %s are given: choose one", tokenVariable)
	case value != "":
		return serveToken{value: value}, checkTokenLength(tokenVariable, value)
	case f.TokenFile != "":
		return readToken(f.TokenFile)
	case !loopback:
		return serveToken{}, fmt.Errorf("other machines reach --listen=%s, so say what the token is: --token-file, or %s in the environment", f.Listen, tokenVariable)
	}
	return freshToken()
}

func checkTokenLength(source, value string) error {
	if len(value) < service.MinTokenLength {
		return fmt.Errorf("the token from %s is shorter than %d bytes", source, service.MinTokenLength)
	}
	return nil
}

// readToken reads the token from a file, or makes the file.
func readToken(path string) (serveToken, error) {
	path, err := filepath.Abs(path) // the ready line names it to others
	if err != nil {
		return serveToken{}, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeToken(path)
	}
	if err != nil {
		return serveToken{}, fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	if err := access.CheckSecret(path, f); err != nil {
		return serveToken{}, fmt.Errorf("read token: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return serveToken{}, fmt.Errorf("read token: %w", err)
	}
	t := serveToken{value: strings.TrimSpace(string(b)), file: path}
	return t, checkTokenLength(path, t.value)
}

// writeToken makes a token in a new file that only this user can read.
func writeToken(path string) (serveToken, error) {
	var b [32]byte
	rand.Read(b[:])
	t := serveToken{value: base64.RawURLEncoding.EncodeToString(b[:])}
	var err error
	if t.file, err = filepath.Abs(path); err != nil {
		return serveToken{}, err
	}
	f, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return serveToken{}, fmt.Errorf("make token: %w", err)
	}
	t.made = []string{t.file}
	_, err = f.WriteString(t.value + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return serveToken{}, errors.Join(fmt.Errorf("make token: %w", err), t.remove())
	}
	return t, nil
}

// freshToken makes a token in a folder of its own.
func freshToken() (serveToken, error) {
	dir, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "signet-serve-") // mode 0700
	if err != nil {
		return serveToken{}, fmt.Errorf("make token: %w", err)
	}
	t, err := writeToken(filepath.Join(dir, "token"))
	if err != nil {
		return serveToken{}, errors.Join(err, os.Remove(dir))
	}
	t.made = append(t.made, dir)
	return t, nil
}
