package rptest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// optionsCases look at what a site sends.
func optionsCases() []Case {
	const creation, request = "§5.4", "§5.5"
	return []Case{
		{ID: "options.challenge.repeats", Sev: Critical, Anchor: "§13.4.3",
			Recipe: "options are asked for three times: do two of them have the same challenge?",
			Why:    "an answer that was given once could be used again",
			play:   challengeRepeats},
		{ID: "options.challenge.short", Sev: Critical, Anchor: "§13.4.3",
			Recipe: "is the challenge shorter than 16 bytes?",
			Why:    "it can be guessed",
			play: onCreation(func(p *play, u *User, o *offered, _ []byte) {
				p.found(len(o.Challenge) < 16, "the challenge has %d bytes", len(o.Challenge))
			})},
		{ID: "options.encoding", Sev: Medium, Anchor: creation,
			Recipe: "is a binary member not base64url without padding?",
			Why:    "parseCreationOptionsFromJSON refuses it, and old pages decode it each in their own way",
			play: onCreation(func(p *play, u *User, o *offered, raw []byte) {
				if bad := notBase64URL(raw); bad != "" {
					p.found(true, "%s is not base64url without padding", bad)
					return
				}
				p.found(false, "all bytes are in base64url without padding")
			})},
		{ID: "options.user-id.length", Sev: Medium, Anchor: creation,
			Recipe: "is user.id empty, or longer than 64 bytes?",
			Why:    "browsers refuse it",
			play: onCreation(func(p *play, u *User, o *offered, _ []byte) {
				p.found(len(o.User.ID) == 0 || len(o.User.ID) > 64, "user.id has %d bytes", len(o.User.ID))
			})},
		{ID: "options.user-id.name", Sev: Medium, Anchor: "§14.6.1",
			Recipe: "is user.id the account's name?",
			Why:    "devices show it to anybody who holds them, without verification",
			play: onCreation(func(p *play, u *User, o *offered, _ []byte) {
				if id := string(o.User.ID); id == u.Session.User || id == o.User.Name {
					p.found(true, "user.id is the account's name")
					return
				}
				p.found(false, "user.id is not the account's name")
			})},
		{ID: "options.exclude-list", Sev: Medium, Anchor: creation,
			Recipe: "after a registration, does excludeCredentials not list it?",
			Why:    "people register one device twice, and think that they have two",
			play:   excludeList},
		{ID: "options.rp-id", Sev: Medium, Anchor: creation,
			Recipe: "is rp.id neither the page's host nor a suffix of it?",
			Why:    "browsers refuse it, unless the site publishes related origins",
			play: onCreation(func(p *play, u *User, o *offered, _ []byte) {
				page, err := url.Parse(p.run.Origin)
				host := ""
				if err == nil {
					host = page.Hostname()
				}
				p.found(o.RP.ID != "" && host != o.RP.ID && !strings.HasSuffix(host, "."+o.RP.ID), "rp.id is %q, the page's host %q", o.RP.ID, host)
			})},
		{ID: "options.algorithms", Sev: Medium, Anchor: creation,
			Recipe: "does pubKeyCredParams lack -7 or -257?",
			Why:    "without ES256 most devices cannot register, without RS256 older Windows machines cannot",
			play: onCreation(func(p *play, u *User, o *offered, _ []byte) {
				p.found(!o.has(ctap.ES256) || !o.has(ctap.RS256), "pubKeyCredParams has ES256: %t, RS256: %t", o.has(ctap.ES256), o.has(ctap.RS256))
			})},
		{ID: "options.enumerations", Sev: Medium, Anchor: creation,
			Recipe: "does an enumeration have a value that the standard does not know?",
			Why:    "browsers ignore it, so it does not do what the site means",
			play: onCreation(func(p *play, u *User, o *offered, raw []byte) {
				if bad := unknownValue(raw); bad != "" {
					p.found(true, "%s is no value of the standard", bad)
					return
				}
				p.found(false, "all values are the standard's")
			})},
		{ID: "options.unknown-user", Want: Policy, Sev: Medium, Anchor: "§14.6.2",
			Recipe:     "do request options differ for a name that nobody has?",
			Why:        "anybody can find out who has an account",
			References: []string{"GHSA-875x-g8p7-5w27", "CVE-2026-23511"},
			play:       unknownUser},
		{ID: "options.client-lowers.verification", Sev: High, Anchor: request,
			Recipe:     "does asking for userVerification \"discouraged\" lower what the site asks for by itself?",
			Why:        "verification is then the attacker's choice",
			References: []string{"GHSA-h4fw-6r7f-w494"},
			Needs:      []Need{NeedOwnEndpoints},
			play: lowers(LogInBegin, Wishes{UserVerification: "discouraged"}, func(o *offered) (string, int) {
				v := cmp.Or(o.UserVerification, "preferred")
				return v, slices.Index(verificationLevels, v)
			})},
		{ID: "options.client-lowers.attestation", Sev: High, Anchor: creation,
			Recipe:     "does asking for attestation \"none\" lower what the site asks for by itself?",
			Why:        "which devices may be used is then the attacker's choice",
			References: []string{"GHSA-h4fw-6r7f-w494"},
			play: lowers(RegisterBegin, Wishes{Attestation: "none"}, func(o *offered) (string, int) {
				v := cmp.Or(o.Attestation, "none")
				return v, slices.Index([]string{"none", "indirect", "direct", "enterprise"}, v)
			})},
		{ID: "options.client-lowers.attachment", Sev: Medium, Anchor: creation,
			Recipe:     "does asking for another authenticatorAttachment replace what the site asks for by itself?",
			Why:        "which devices may be used is then the attacker's choice",
			References: []string{"GHSA-h4fw-6r7f-w494"},
			Needs:      []Need{NeedAttachment},
			play:       otherAttachment},
	}
}

// onCreation looks at the creation options of a new account.
func onCreation(look func(p *play, u *User, o *offered, raw []byte)) func(*play) error {
	return func(p *play) error {
		u, err := p.person()
		if err != nil {
			return err
		}
		o, raw, err := p.offered(u)
		if err != nil {
			return err
		}
		look(p, u, o, raw)
		return nil
	}
}

func challengeRepeats(p *play) error {
	u, err := p.person()
	if err != nil {
		return err
	}
	var seen []loose
	for range 3 {
		o, _, err := p.offered(u)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(seen, func(c loose) bool { return bytes.Equal(c, o.Challenge) }) {
			p.found(true, "two options have one challenge")
			return nil
		}
		seen = append(seen, o.Challenge)
	}
	p.found(false, "three options have three challenges")
	return nil
}

func excludeList(p *play) error {
	u, r, err := p.member()
	if err != nil {
		return err
	}
	o, _, err := p.offered(u)
	if err != nil {
		return err
	}
	ids := credentialIDs(r)
	for _, e := range o.Exclude {
		if slices.Contains(ids, e.ID) {
			p.found(false, "excludeCredentials lists it")
			return nil
		}
	}
	p.found(true, "excludeCredentials has %d entries, and not this one", len(o.Exclude))
	return nil
}

func unknownUser(p *play) error {
	known, _, err := p.visitor()
	if err != nil {
		return err
	}
	unknown, err := p.person()
	if err != nil {
		return err
	}
	shape := func(u *User) (string, error) {
		a, err := u.rp.Do(p.ctx, u.Session, LogInBegin, Request{Wishes: u.Wishes})
		if err != nil {
			return "", err
		}
		if !a.OK {
			return fmt.Sprintf("status %d", a.Status), nil
		}
		o, err := parseOffered(a.Options)
		return fmt.Sprintf("allowCredentials with %d entries", len(o.Allow)), err
	}
	one, err := shape(known)
	if err != nil {
		return err
	}
	other, err := shape(unknown)
	if err != nil {
		return err
	}
	p.found(one != other, "an account with one passkey gets %s, no account %s", one, other)
	return nil
}

// verificationLevels are values of userVerification, the strictest last.
var verificationLevels = []string{"discouraged", "preferred", "required"}

// lowers compares what the site asks for by itself with what it asks for when its
// client wishes for less; rank orders the values.
func lowers(step Step, less Wishes, rank func(*offered) (string, int)) func(*play) error {
	return func(p *play) error {
		u, err := p.person()
		if step == LogInBegin {
			u, _, err = p.visitor()
		}
		if err != nil {
			return err
		}
		if err := u.SetUp(); err != nil {
			return err
		}
		level := func(w Wishes) (string, int, error) {
			a, err := u.do(step, Request{Wishes: w})
			if err != nil {
				return "", 0, err
			}
			o, err := parseOffered(a.Options)
			if err != nil {
				return "", 0, err
			}
			value, level := rank(o)
			return value, level, nil
		}
		own, high, err := level(Wishes{})
		if err != nil {
			return err
		}
		lowered, low, err := level(less)
		if err != nil {
			return err
		}
		p.found(low < high, "by itself the site asks for %q, and for %q when asked to", own, lowered)
		return nil
	}
}

func otherAttachment(p *play) error {
	other := map[string]string{"platform": "cross-platform", "cross-platform": "platform"}
	u, err := p.person()
	if err != nil {
		return err
	}
	o, _, err := p.offered(u)
	if err != nil {
		return err
	}
	own := o.Selection.Attachment
	if own == "" {
		return unmet(p.rp, RegisterBegin, NeedAttachment)
	}
	a, err := u.do(RegisterBegin, Request{Wishes: Wishes{Attachment: other[own]}})
	if p.refusedBy(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if o, err = parseOffered(a.Options); err != nil {
		return err
	}
	p.found(o.Selection.Attachment != own, "by itself the site asks for %q, and for %q when asked to", own, o.Selection.Attachment)
	return nil
}

// binaryMembers are those of creation options that are base64url.
var binaryMembers = []string{"challenge", "user.id", "excludeCredentials[*].id"}

// notBase64URL names the first member that is not what its type says.
func notBase64URL(options []byte) string {
	for _, path := range binaryMembers {
		v, err := jsonAt(options, path)
		if err != nil {
			continue
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, e := range list {
			s, ok := e.(string)
			if _, err := base64.RawURLEncoding.DecodeString(s); !ok || err != nil {
				return path
			}
		}
	}
	return ""
}

// enumerations are the members of creation options with a list of values.
var enumerations = []struct {
	path   string
	values []string
}{
	{"attestation", []string{"none", "indirect", "direct", "enterprise"}},
	{"authenticatorSelection.userVerification", verificationLevels},
	{"authenticatorSelection.residentKey", []string{"discouraged", "preferred", "required"}},
	{"authenticatorSelection.authenticatorAttachment", []string{"platform", "cross-platform"}},
	{"pubKeyCredParams[*].type", []string{"public-key"}},
	{"excludeCredentials[*].type", []string{"public-key"}},
	{"hints[*]", []string{"security-key", "client-device", "hybrid"}},
}

func unknownValue(options []byte) string {
	for _, e := range enumerations {
		v, err := jsonAt(options, e.path)
		if err != nil || v == nil {
			continue
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, value := range list {
			if s, ok := value.(string); !ok || !slices.Contains(e.values, s) {
				b, _ := json.Marshal(value) // it was decoded from JSON
				return e.path + " " + string(b)
			}
		}
	}
	return ""
}
