package consent

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
)

// maxText is the longest name in code points that a question shows whole: what
// a site sends must not push the question itself off the screen.
const maxText = 96

// maxMarks is the most combining marks on one letter that any script needs
// here; towers of them would cover other lines.
const maxMarks = 2

// Printable returns s fit for one line of a terminal: control characters,
// line breaks, characters that are invisible or that turn the direction of
// writing, and bytes that are not UTF-8 are escaped as Go would write them, and
// what is longer than 96 code points is cut with a mark.
func Printable(s string) string {
	var b strings.Builder
	shown, marks := 0, 0
	for len(s) > 0 {
		if shown == maxText {
			b.WriteString("…")
			break
		}
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsMark(r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		case r == ' ', unicode.IsGraphic(r) && !unicode.IsSpace(r) && !invisible(r) && marks <= maxMarks:
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[n:]
		shown++
	}
	return b.String()
}

// invisible tells of characters that count as graphic and yet show nothing.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Site returns the name of the site of a prompt as it is safe to show: in
// ASCII, so that a look-alike letter shows as xn--, or the start of its hash
// where a U2F client told no more than that. It is empty where the operation
// belongs to no site.
func Site(p authenticator.Prompt) string {
	switch {
	case p.RPID != "":
		if ascii, err := idna.Lookup.ToASCII(p.RPID); err == nil {
			return Printable(ascii)
		}
		return strings.Trim(strconv.QuoteToASCII(p.RPID), `"`)
	case p.RPIDHash != [32]byte{}:
		return "a site whose name the client did not tell (hash " + hex.EncodeToString(p.RPIDHash[:8]) + "…)"
	}
	return ""
}

// account names an account as a person knows it.
func account(a authenticator.Account) string {
	name, display := Printable(a.Name), Printable(a.DisplayName)
	switch {
	case name == "" && display == "":
		return "(no name)"
	case name == "":
		return display
	case display == "" || display == name:
		return name
	}
	return name + " (" + display + ")"
}

// requester names who asks, as far as the door knows.
func requester(p authenticator.Prompt) string {
	switch {
	case p.Peer == nil && p.Transport == "":
		return "an unknown program"
	case p.Peer == nil:
		return "an unknown program over " + Printable(p.Transport)
	}
	program := Printable(p.Peer.Program)
	if program == "" {
		program = "a program"
	}
	return fmt.Sprintf("%s (pid %d, uid %d)", program, p.Peer.PID, p.Peer.UID)
}

// question says in a few lines what is asked, the site first.
func question(p authenticator.Prompt) string {
	var b strings.Builder
	site := Site(p)
	if site == "" {
		site = "this device"
	}
	fmt.Fprintf(&b, "\n  %s\n", site)
	fmt.Fprintf(&b, "    wants to   %s\n", purpose(p))
	switch {
	case len(p.Accounts) == 1:
		fmt.Fprintf(&b, "    account    %s\n", account(p.Accounts[0]))
	case len(p.Accounts) > 1:
		for i, a := range p.Accounts {
			fmt.Fprintf(&b, "    account %-2d %s\n", i+1, account(a))
		}
	}
	fmt.Fprintf(&b, "    asked by   %s\n", requester(p))
	return b.String()
}

func purpose(p authenticator.Prompt) string {
	switch p.Operation {
	case authenticator.Register:
		return "register a new passkey"
	case authenticator.SignIn:
		return "sign you in"
	case authenticator.Select:
		return "be chosen among several devices"
	case authenticator.Reset:
		return "ERASE every passkey and the PIN"
	case authenticator.Grant:
		return "let the program below " + granted(p.Permissions)
	}
	return Printable(p.Operation.String())
}

// granted says what a permission lets a program do.
func granted(permissions uint64) string {
	var may []string
	for _, p := range []struct {
		bits uint64
		may  string
	}{
		{ctap.PermissionMC, "register there"},
		{ctap.PermissionGA, "sign in there"},
		{ctap.PermissionCM, "list, rename and DELETE passkeys"},
		{ctap.PermissionPCMR, "list your passkeys, now and later"},
		{ctap.PermissionLBW, "write large blobs"},
		{ctap.PermissionACFG, "change this device's settings"},
	} {
		if permissions&p.bits != 0 {
			may = append(may, p.may)
		}
	}
	if len(may) == 0 {
		return "do nothing"
	}
	return strings.Join(may, ", ")
}
