package rptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// A shared case is one that registration and sign-in both have. Steps are those
// of WebAuthn §7.1 and §7.2; sev2 is the severity at sign-in, where it differs.
type shared struct {
	Case
	step1, step2 int
	sev2         Severity
}

// sharedCases gives those of one kind.
func sharedCases(kind Kind, list []shared) []Case {
	var cases []Case
	for _, s := range list {
		c := s.Case
		c.ID = string(kind) + "." + c.ID
		c.Anchor = fmt.Sprintf("§7.1 step %d", s.step1)
		if kind == SigningIn {
			c.Anchor = fmt.Sprintf("§7.2 step %d", s.step2)
			if s.sev2 != 0 {
				c.Sev = s.sev2
			}
			c.Field = strings.Replace(c.Field, "attestationObject.authData", "authenticatorData", 1)
		}
		cases = append(cases, c)
	}
	return cases
}

func edits(e ...ceremony.Edit) []ceremony.Edit { return e }

// optional is an edit of a response that may be like that by itself, and good.
func optional(e ceremony.Edit) ceremony.Edit {
	e.Optional = true
	return e
}

// clientDataCases spoil the client data (§7.1 steps 5 to 12, §7.2 steps 8 to 14).
func clientDataCases() []shared {
	return []shared{
		{Case: Case{ID: "client-data.bom", Want: MustAccept, Sev: Low, Field: "clientDataJSON",
			Recipe: "a byte order mark stands before the client data",
			Why:    "the standard decodes UTF-8 with its BOM taken off, so a client may send one",
			Edits:  edits(prefix("\xef\xbb\xbf"))}, step1: 5, step2: 8},
		{Case: Case{ID: "client-data.not-json", Sev: Medium, Field: "clientDataJSON",
			Recipe: "the client data is not JSON",
			Why:    "what cannot be read cannot be checked, and must not crash either",
			Edits:  edits(ceremony.ClientDataBytes(func([]byte) []byte { return []byte("this is not JSON") }))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.trailing-text", Sev: Medium, Field: "clientDataJSON",
			Recipe: "text follows the client data's object",
			Why:    "two parsers may read two things in it",
			Edits:  edits(suffix(" and more"))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.second-object", Sev: Medium, Field: "clientDataJSON",
			Recipe: "a second object follows the client data's",
			Why:    "two parsers may read two things in it",
			Edits:  edits(suffix("{}"))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.duplicate-origin-evil-first", Want: Policy, Sev: Medium, Field: "clientDataJSON.origin",
			Recipe: "origin is there twice, a foreign one first",
			Why:    "JSON leaves it open which one counts; all known libraries take the last",
			Edits:  edits(duplicateOrigin(true))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.duplicate-origin-evil-last", Want: Policy, Sev: Medium, Field: "clientDataJSON.origin",
			Recipe: "origin is there twice, a foreign one last",
			Why:    "JSON leaves it open which one counts; all known libraries take the last",
			Edits:  edits(duplicateOrigin(false))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.other-case-names", Sev: Medium, Field: "clientDataJSON",
			Recipe: "type, challenge and origin are written Type, Challenge and Origin",
			Why:    "members' names differ by case; a parser that ignores it reads what others do not",
			Edits:  edits(renameAll("type", "Type", "challenge", "Challenge", "origin", "Origin"))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.other-case-origin", Sev: Medium, Field: "clientDataJSON",
			Recipe: "origin is foreign, and ORIGIN is right",
			Why:    "a parser that ignores case lets one override the other",
			Edits: edits(ceremony.Edit{Stage: ceremony.ClientData, Apply: func(c *ceremony.Ceremony) error {
				right := c.ClientData.Get("origin")
				if err := c.ClientData.Set("origin", evilOrigin); err != nil {
					return err
				}
				return c.ClientData.Add("ORIGIN", right)
			}})}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.reordered", Want: MustAccept, Sev: High, Field: "clientDataJSON",
			Recipe: "members are in another order, with white space between them",
			Why:    "the signature is over the bytes that were sent, so nothing may be written anew before it is checked",
			Edits:  edits(ceremony.ClientDataBytes(reorder))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.unknown-member", Want: MustAccept, Sev: Medium, Field: "clientDataJSON.new_member",
			Recipe: "the client data has a member that nobody knows",
			Why:    "the standard says that members will be added",
			Edits:  edits(ceremony.ClientDataMember("new_member", "of a later version"))}, step1: 6, step2: 9},
		{Case: Case{ID: "client-data.escaped-name", Want: MustAccept, Sev: Low, Field: "clientDataJSON",
			Recipe: "challenge is written \\u0063hallenge",
			Why:    "it is the same JSON",
			Edits: edits(ceremony.ClientDataBytes(func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"challenge"`), []byte(`"\u0063hallenge"`), 1)
			}))}, step1: 6, step2: 9},

		{Case: Case{ID: "type.missing", Sev: Medium, Field: "clientDataJSON.type",
			Recipe: "the client data has no type",
			Why:    "without it a registration and a sign-in can be taken for each other",
			Edits:  edits(remove("type"))}, step1: 7, step2: 10},
		{Case: Case{ID: "type.other-case", Sev: Low, Field: "clientDataJSON.type",
			Recipe: "the type is written with capitals",
			Why:    "types are compared exactly",
			Edits: edits(changeString("type", func(s string) string {
				return strings.NewReplacer("webauthn", "WebAuthn", "create", "Create", "get", "Get").Replace(s)
			}))}, step1: 7, step2: 10},

		{Case: Case{ID: "challenge.other", Sev: Critical, Field: "clientDataJSON.challenge",
			Recipe:     "the challenge is another one, of the same length",
			Why:        "a response that was given elsewhere, or long ago, could be played again",
			References: []string{"https://github.com/risa-labs-inc/BossConsole/issues/35"},
			Edits:      edits(changeString("challenge", otherChallenge))}, step1: 8, step2: 11},
		{Case: Case{ID: "challenge.missing", Sev: Critical, Field: "clientDataJSON.challenge",
			Recipe: "the client data has no challenge",
			Why:    "a response could be played again",
			Edits:  edits(remove("challenge"))}, step1: 8, step2: 11},
		{Case: Case{ID: "challenge.empty", Sev: Critical, Field: "clientDataJSON.challenge",
			Recipe: "the challenge is empty",
			Why:    "an empty stored challenge, or a comparison up to the shorter length, would let it pass",
			Edits:  edits(ceremony.ClientDataMember("challenge", ""))}, step1: 8, step2: 11},
		{Case: Case{ID: "challenge.truncated", Sev: Critical, Field: "clientDataJSON.challenge",
			Recipe: "only the first 20 characters of the challenge are there",
			Why:    "a comparison up to the shorter length would let it pass",
			Edits:  edits(changeString("challenge", func(s string) string { return s[:max(0, min(20, len(s)-1))] }))}, step1: 8, step2: 11},
		{Case: Case{ID: "challenge.padded", Sev: Low, Field: "clientDataJSON.challenge",
			Recipe: "the challenge ends in =",
			Why:    "it is base64url without padding: whatever is compared is not what was sent",
			Edits:  edits(changeString("challenge", func(s string) string { return s + "=" }))}, step1: 8, step2: 11},
		{Case: Case{ID: "challenge.newline", Sev: Low, Field: "clientDataJSON.challenge",
			Recipe: "the challenge ends in a line feed",
			Why:    "a lenient decoder compares something else than was sent",
			Edits:  edits(changeString("challenge", func(s string) string { return s + "\n" }))}, step1: 8, step2: 11},

		{Case: Case{ID: "origin.http", Sev: High, Field: "clientDataJSON.origin",
			Recipe:     "the origin has the scheme http, or https where it was http",
			Why:        "whoever is in the network can put a page there",
			References: []string{"CVE-2026-30964"},
			Edits:      edits(changeOrigin(otherScheme))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.port", Sev: High, Field: "clientDataJSON.origin",
			Recipe:     "the origin has another port",
			Why:        "another program on the same host is another origin",
			References: []string{"CVE-2026-30964"},
			Edits:      edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://" + u.Hostname() + ":8444" }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.suffix", Sev: Critical, Field: "clientDataJSON.origin",
			Recipe: "the site's host is the start of a longer one: login.example.evil.example",
			Why:    "anybody can have that name: a comparison of prefixes lets phishing through",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://" + u.Host + ".evil.example" }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.prefix", Sev: Critical, Field: "clientDataJSON.origin",
			Recipe: "the site's host is the end of a longer name: evillogin.example",
			Why:    "anybody can have that name: a comparison of suffixes lets phishing through",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://evil" + u.Host }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.userinfo", Sev: Critical, Field: "clientDataJSON.origin",
			Recipe: "the site's host stands where a user name would: https://login.example@evil.example",
			Why:    "the page is evil.example's",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://" + u.Host + "@evil.example" }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.subdomain", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the origin is a subdomain that the site did not list",
			Why:    "whoever takes over a forgotten subdomain gets all accounts",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://forgotten." + u.Host }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.foreign", Sev: Critical, Field: "clientDataJSON.origin",
			Recipe: "the origin is a foreign site's",
			Why:    "this check is what makes passkeys safe from phishing",
			Edits:  edits(ceremony.ClientDataMember("origin", evilOrigin))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.null", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the origin is the string null",
			Why:    "that is the origin of sandboxed frames and local files",
			Edits:  edits(ceremony.ClientDataMember("origin", "null"))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.missing", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the client data has no origin",
			Why:    "a check of what is there only would let it pass",
			Edits:  edits(remove("origin"))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.number", Sev: Medium, Field: "clientDataJSON.origin",
			Recipe: "the origin is a number",
			Why:    "a wrong type must be refused, not crash",
			Edits:  edits(ceremony.ClientDataMember("origin", 7))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.empty", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the origin is empty",
			Why:    "every string starts and ends with the empty one",
			Edits:  edits(ceremony.ClientDataMember("origin", ""))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.upper-case", Want: Policy, Sev: Low, Field: "clientDataJSON.origin",
			Recipe: "the origin's host is in capitals",
			Why:    "browsers never send it; to take it is harmless, to compare exactly is what the standard says",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://" + strings.ToUpper(u.Host) }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.trailing-slash", Want: Policy, Sev: Low, Field: "clientDataJSON.origin",
			Recipe: "the origin ends in a slash",
			Why:    "browsers never send it; to take it is harmless, to compare exactly is what the standard says",
			Edits:  edits(changeOrigin(func(u *url.URL) string { return u.Scheme + "://" + u.Host + "/" }))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.android", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the origin is that of an Android app that the site did not list",
			Why:    "anybody can write an app, and have it answer for the site",
			Edits:  edits(ceremony.ClientDataMember("origin", "android:apk-key-hash:7d1d2Xf0FhJ3kq0Vb3l2Y1mJ0dTz8mYfE4S5i8u9K1A"))}, step1: 9, step2: 12},
		{Case: Case{ID: "origin.ios", Sev: High, Field: "clientDataJSON.origin",
			Recipe: "the origin is that of an iOS app that the site did not list",
			Why:    "anybody can write an app, and have it answer for the site",
			Edits:  edits(ceremony.ClientDataMember("origin", "ios:bundle-id:example.evil"))}, step1: 9, step2: 12},

		{Case: Case{ID: "cross-origin.true", Sev: Medium, Field: "clientDataJSON.crossOrigin",
			Recipe: "crossOrigin is true, though the site expects no frames",
			Why:    "the page was shown within another site's, which can deceive about what is clicked",
			Edits:  edits(ceremony.ClientDataMember("crossOrigin", true))}, step1: 10, step2: 13},
		{Case: Case{ID: "cross-origin.string", Sev: Low, Field: "clientDataJSON.crossOrigin",
			Recipe: "crossOrigin is the string \"true\"",
			Why:    "a check for the boolean alone overlooks it",
			Edits:  edits(ceremony.ClientDataMember("crossOrigin", "true"))}, step1: 10, step2: 13},
		{Case: Case{ID: "top-origin.foreign", Sev: Medium, Field: "clientDataJSON.topOrigin",
			Recipe: "topOrigin is a foreign site's, and crossOrigin true",
			Why:    "the page was shown within a foreign one",
			Edits:  edits(ceremony.ClientDataMember("crossOrigin", true), ceremony.ClientDataMember("topOrigin", evilOrigin))}, step1: 11, step2: 14},
		{Case: Case{ID: "top-origin.alone", Sev: Medium, Field: "clientDataJSON.topOrigin",
			Recipe: "topOrigin is a foreign site's, and crossOrigin false",
			Why:    "a check that looks at crossOrigin first overlooks it",
			Edits:  edits(ceremony.ClientDataMember("topOrigin", evilOrigin))}, step1: 11, step2: 14},
	}
}

// authDataCases spoil the authenticator data (§7.1 steps 13 to 17, §7.2 steps 15
// to 18).
func authDataCases() []shared {
	const authData = "attestationObject.authData"
	return []shared{
		{Case: Case{ID: "rp-id.other", Sev: Critical, Field: authData + ".rpIdHash",
			Recipe: "the rpIdHash is another site's",
			Why:    "the response was made for somebody else",
			Edits:  edits(ceremony.RPID("evil.example"))}, step1: 14, step2: 15},
		{Case: Case{ID: "rp-id.origin", Sev: Critical, Field: authData + ".rpIdHash",
			Recipe: "the rpIdHash is the hash of the origin, scheme included",
			Why:    "it is not the RP ID",
			Edits: edits(ceremony.Edit{Stage: ceremony.AuthData, Apply: func(c *ceremony.Ceremony) error {
				var origin string
				if err := json.Unmarshal(c.ClientData.Get("origin"), &origin); err != nil {
					return err
				}
				return ceremony.RPID(origin).Apply(c)
			}})}, step1: 14, step2: 15},
		{Case: Case{ID: "flags.up", Sev: High, Field: authData + ".flags.UP",
			Recipe:     "the flag UP (user present) is clear",
			Why:        "nobody touched the device: malware can sign while its owner is away",
			References: []string{"CVE-2021-38299"},
			Edits:      edits(ceremony.Flags(0, ctap.FlagUP))}, step1: 15, step2: 16},
		{Case: Case{ID: "flags.uv", Sev: Critical, Field: authData + ".flags.UV",
			Needs:      []Need{NeedUV},
			Recipe:     "the flag UV (user verified) is clear, though the site required verification",
			Why:        "whoever finds the device can use it",
			References: []string{"CVE-2026-115828"},
			Edits:      edits(ceremony.Flags(0, ctap.FlagUV))}, step1: 16, step2: 17},
		{Case: Case{ID: "flags.bs-without-be", Sev: Low, Field: authData + ".flags.BE",
			Recipe: "the flag BS (backed up) is set, and BE (may be backed up) is clear",
			Why:    "no device says that it has copied what it never copies: nothing that a site makes of these flags holds",
			Edits:  edits(ceremony.Flags(ctap.FlagBS, ctap.FlagBE))}, step1: 17, step2: 18},
		{Case: Case{ID: "flags.reserved", Want: MustAccept, Sev: Medium, Field: authData + ".flags",
			Recipe: "both reserved flag bits are set",
			Why:    "a later version will use them",
			Edits:  edits(ceremony.Flags(1<<1|1<<5, 0))}, step1: 13, step2: 16},
		{Case: Case{ID: "auth-data.short", Sev: Medium, Field: authData,
			Recipe: "the authenticator data ends after 36 bytes",
			Why:    "a wrong length must be refused, not crash",
			Edits:  edits(ceremony.AuthDataRaw(func(b []byte) []byte { return b[:min(36, len(b))] }))}, step1: 13, step2: 15},
		{Case: Case{ID: "auth-data.ed-without-map", Sev: Medium, Field: authData + ".flags.ED",
			Recipe: "the flag ED (extensions follow) is set, and none do",
			Why:    "the data end where more is announced",
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags |= ctap.FlagED
				c.AuthData.Extensions = nil
			}))}, step1: 13, step2: 15},
		{Case: Case{ID: "auth-data.trailing", Sev: Medium, Field: authData,
			Recipe: "bytes follow the authenticator data, and the flag ED (extensions follow) is clear",
			Why:    "what is not announced is signed all the same, and read differently by whoever reads on",
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags &^= ctap.FlagED
				c.AuthData.Extensions, c.AuthData.Trailing = nil, []byte{0xde, 0xad}
			}))}, step1: 13, step2: 15},
	}
}

const evilOrigin = "https://evil.example"

func prefix(s string) ceremony.Edit {
	return ceremony.ClientDataBytes(func(b []byte) []byte { return append([]byte(s), b...) })
}

func suffix(s string) ceremony.Edit {
	return ceremony.ClientDataBytes(func(b []byte) []byte { return append(b, s...) })
}

func remove(name string) ceremony.Edit {
	return ceremony.At(ceremony.ClientData, func(c *ceremony.Ceremony) { c.ClientData.Delete(name) })
}

// renameAll takes pairs of names: from, to.
func renameAll(names ...string) ceremony.Edit {
	return ceremony.At(ceremony.ClientData, func(c *ceremony.Ceremony) {
		for i := 0; i+1 < len(names); i += 2 {
			c.ClientData.Rename(names[i], names[i+1])
		}
	})
}

func duplicateOrigin(evilFirst bool) ceremony.Edit {
	return ceremony.Edit{Stage: ceremony.ClientData, Apply: func(c *ceremony.Ceremony) error {
		right := c.ClientData.Get("origin")
		c.ClientData.Delete("origin")
		first, last := any(right), any(evilOrigin)
		if evilFirst {
			first, last = last, first
		}
		if err := c.ClientData.Add("origin", first); err != nil {
			return err
		}
		return c.ClientData.Add("origin", last)
	}}
}

// changeString changes a member of the client data that is a string.
func changeString(name string, f func(string) string) ceremony.Edit {
	return ceremony.Edit{Stage: ceremony.ClientData, Apply: func(c *ceremony.Ceremony) error {
		var s string
		if err := json.Unmarshal(c.ClientData.Get(name), &s); err != nil {
			return fmt.Errorf("client data's %s: %w", name, err)
		}
		return c.ClientData.Set(name, f(s))
	}}
}

func changeOrigin(f func(*url.URL) string) ceremony.Edit {
	return changeString("origin", func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return s
		}
		return f(u)
	})
}

func otherScheme(u *url.URL) string {
	if u.Scheme == "http" {
		return "https://" + u.Host
	}
	return "http://" + u.Host
}

// otherChallenge keeps the length and the alphabet.
func otherChallenge(s string) string {
	swap := func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}
	return strings.Map(swap, s)
}

// reorder writes the members the other way round, on lines of their own.
func reorder(b []byte) []byte {
	o, err := ceremony.ParseObject(b)
	if err != nil {
		return b
	}
	var out bytes.Buffer
	out.WriteString("{")
	for i := len(o.Members) - 1; i >= 0; i-- {
		fmt.Fprintf(&out, "\n\t%q : %s", o.Members[i].Name, o.Members[i].Value)
		if i > 0 {
			out.WriteString(" ,")
		}
	}
	out.WriteString("\n}")
	return out.Bytes()
}
