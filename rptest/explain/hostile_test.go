package explain_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/seed-77d61853/signet/rptest/explain"
)

// What comes in may be of somebody who would rather write on the terminal.
func TestNothingReachesTheTerminal(t *testing.T) {
	const evil = `\u001b]0;owned\u0007\u009b2J\u202e\r\nid: forged`
	raw := "\x1b[2J\x7f\xff\u202e\r\n"
	encoded := base64.RawURLEncoding.EncodeToString
	authData := strings.Repeat("\x00", 32) + "\x81\x00\x00\x00\x00" + "\xa1\x66" + "a\x1b[2Jb" + "\x66" + "a\x1b[2Jb"
	for _, input := range []string{
		`{"` + evil + `":{"` + evil + `":"` + evil + `"}}`,
		`{"response":{"` + evil + `":1,"clientDataJSON":"` + encoded([]byte(raw)) + `"}}`,
		`{"response":{"clientDataJSON":"` + encoded([]byte(`{"`+evil+`":"`+raw+`"}`)) + `"}}`,
		`{"response":{"attestationObject":"` + encoded([]byte("\xa1\x66a\x1b[2Jb\x66a\x1b[2Jb")) + `"}}`,
		`{"response":{"clientDataJSON":"` + encoded([]byte(`{"origin":"https://a%E2%80%AEb"}`)) + `","authenticatorData":"` + encoded([]byte(authData)) + `"}}`,
		raw, "\xa1\x66a\x1b[2Jb\x66a\x1b[2Jb", authData,
		`{"challenge":1,"attestation":"` + evil + `","user":{"` + evil + `":1,"` + evil + `":1},"extensions":{"` + evil + `":1},"hints":["` + evil + `"],"` + evil + `":1,"` + evil + `":1}`,
	} {
		text := explain.Explain([]byte(input)) + explain.Table(explain.Diff([]byte(input), []byte(`{"a":1}`)))
		for _, f := range explain.Lint([]byte(input)) {
			text += f.Path + f.Problem + f.Effect
		}
		for _, r := range text {
			if !unicode.IsPrint(r) && r != '\n' {
				t.Errorf("%q: %U comes through in %q", input, r, text)
				break
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "id: forged") {
				t.Errorf("%q makes a line of its own", input)
			}
		}
	}
}

// Time is bounded by the length of what comes in.
func TestExplainIsQuick(t *testing.T) {
	dots := base64.RawURLEncoding.EncodeToString([]byte(`{"origin":"https://` + strings.Repeat("a.", 150_000) + `b"}`))
	authData := base64.RawURLEncoding.EncodeToString(make([]byte, 37))
	var forwards, backwards strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&forwards, `"%d":1,`, i)
		fmt.Fprintf(&backwards, `"%d":2,`, 60_000-i)
	}
	many := strings.Repeat("1,", 150_000)
	for name, try := range map[string]func(){
		"labels": func() {
			explain.Explain([]byte(`{"response":{"clientDataJSON":"` + dots + `","authenticatorData":"` + authData + `"}}`))
		},
		"members": func() { explain.Diff([]byte(`{`+forwards.String()+`"z":1}`), []byte(`{`+backwards.String()+`"z":1}`)) },
		"items":   func() { explain.Diff([]byte(`{"a":[`+many+`1]}`), []byte(`{"a":[2,`+many+`1]}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			go func() { try(); close(done) }()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Error("it takes longer than 30 s")
			}
		})
	}
}

// A host that is longer than names can be is no domain, and none above it is
// looked for.
func TestExplainLongHost(t *testing.T) {
	hash := sha256.Sum256([]byte("b"))
	authData := base64.RawURLEncoding.EncodeToString(append(hash[:], make([]byte, 5)...))
	for host, want := range map[string]bool{strings.Repeat("a.", 100) + "b": true, strings.Repeat("a.", 150) + "b": false} {
		clientData := base64.RawURLEncoding.EncodeToString([]byte(`{"origin":"https://` + host + `"}`))
		text := explain.Explain([]byte(`{"response":{"clientDataJSON":"` + clientData + `","authenticatorData":"` + authData + `"}}`))
		if got := strings.Contains(text, "SHA-256 of b"); got != want {
			t.Errorf("a host of %d bytes: found %t, want %t:\n%s", len(host), got, want, text)
		}
	}
}
