package consent

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"Zoë Müller":              "Zoë Müller",
		"अनुराधा":                 "अनुराधा",
		"a\nb":                    `a\nb`,
		"\x1b]0;title\a":          `\x1b]0;title\a`,
		"a\u200bb\u202ec":         `a\u200bb\u202ec`,
		"\xff":                    `\xff`,
		`a\nb`:                    `a\\nb`,
		"\u00a0\u2028":            `\u00a0\u2028`,
		"a\u0300\u0301\u0302":     "a\u0300\u0301" + `\u0302`,
		strings.Repeat("x", 1000): strings.Repeat("x", maxText) + "…",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSite(t *testing.T) {
	for _, tt := range []struct {
		p    authenticator.Prompt
		want string
	}{
		{authenticator.Prompt{RPID: "example.com"}, "example.com"},
		{authenticator.Prompt{RPID: "xn--80ak6aa92e.com"}, "xn--80ak6aa92e.com"},
		{authenticator.Prompt{RPID: "аррӏе.com"}, "xn--80ak6aa92e.com"},
		{authenticator.Prompt{RPID: "ssh:"}, "ssh:"},
		{authenticator.Prompt{RPID: "a\x1b[1m"}, `a\x1b[1m`},
		{authenticator.Prompt{RPIDHash: [32]byte{0xab, 0xcd}}, "a site whose name the client did not tell (hash abcd000000000000…)"},
		{authenticator.Prompt{}, ""},
	} {
		if got := Site(tt.p); got != tt.want {
			t.Errorf("Site(%q) = %q, want %q", tt.p.RPID, got, tt.want)
		}
	}
}

// TestGranted: nobody agrees to more than the question says.
func TestGranted(t *testing.T) {
	for permissions, want := range map[uint64]string{
		ctap.PermissionMC | ctap.PermissionGA: "register there, sign in there",
		ctap.PermissionCM:                     "list, rename and DELETE passkeys",
		ctap.PermissionACFG:                   "change this device's settings",
		ctap.PermissionPCMR:                   "list your passkeys, now and later",
	} {
		got := question(authenticator.Prompt{Operation: authenticator.Grant, Permissions: permissions})
		if !strings.Contains(got, "let the program below "+want+"\n") {
			t.Errorf("permissions %02x: asked %q", permissions, got)
		}
	}
}

// TestRequester: where a door cannot tell who asks, the question says which door.
func TestRequester(t *testing.T) {
	for _, tt := range []struct {
		p    authenticator.Prompt
		want string
	}{
		{authenticator.Prompt{Transport: "tcp"}, "an unknown program over tcp"},
		{authenticator.Prompt{}, "an unknown program"},
		{authenticator.Prompt{Transport: "tcp", Peer: &ctap.Peer{UID: 1000, PID: 42, Program: "browser"}}, "browser (pid 42, uid 1000)"},
	} {
		if got := requester(tt.p); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.p, got, tt.want)
		}
	}
}

// FuzzPrintable states that no text, whoever wrote it, can move the cursor,
// start a line or hide itself.
func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\r\n\u202e\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
	})
}
