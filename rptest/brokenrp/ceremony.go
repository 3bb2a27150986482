package brokenrp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ceremony is one result on its way through the checks.
type ceremony struct {
	site    *Site
	kind    string // "register" or "login": the prefix of its checks' names
	purpose string // "register", "login" or "stepup": what its challenge is for
	session *session
}

func (c *ceremony) on(name string) bool { return c.site.checks.on(c.kind + "." + name) }

func (c *ceremony) first(rules ...rule) error { return c.site.checks.first(c.kind+".", rules...) }

// has reports whether this ceremony has the check as a switch.
func (c *ceremony) has(name string) bool {
	_, ok := c.site.checks.info[Check(c.kind+"."+name)]
	return ok
}

// pending is what the site remembers of options that it gave.
type pending struct {
	purpose   string
	challenge string // base64url
	session   *session
	begun     time.Time
	used      bool

	account *account // identified, or nil
	name    string   // the account's, which need not be there yet
	unknown bool     // login: the name has no account

	userID, displayName string // registration
	newcomer            bool   // registration: the name had no account
	enrolled            bool   // registration: by an enrolment token
	conditional         bool
	residentKey         string

	allow            [][]byte // login
	open             bool     // of another ceremony, so that allow says nothing
	userVerification string
	asked            string // the userVerification that the client asked for
	attestation      string
	extensions       map[string]json.RawMessage
}

// claim finds the options that a result answers and uses them up: §7.1 step 8,
// §7.2 step 11. The result's challenge is empty where the client data could not
// be read.
//
//	given ── newer options ──► superseded
//	  │ first result, good or bad
//	  ▼
//	used ── timeout counts from "given" in every state
func (c *ceremony) claim(d *clientData) (*pending, error) {
	s := c.site
	s.mu.Lock()
	defer s.mu.Unlock()
	given := c.text(d, "challenge")
	latest := c.session.latest[c.purpose]
	p := s.pending[given]
	compared := c.on("challenge") || c.purpose == "stepup"
	if p == nil || !compared {
		p = latest
	}
	if p == nil {
		return nil, errors.New("no ceremony of this kind is under way in this session")
	}
	elsewhere := p.session != c.session
	err := c.first(
		rule{"session", !elsewhere || p.used && !c.on("stateless")},
		rule{"purpose", p.purpose == c.purpose},
		rule{"stateless", !elsewhere || !p.used},
		rule{"replay", !p.used || elsewhere},
		rule{"superseded", p.used || elsewhere || p == latest || p.purpose != c.purpose},
		rule{"expiry", s.now().Sub(p.begun) <= s.config.Timeout},
	)
	if latest != nil && c.on("burn") && c.on("atomic") && c.on("replay") {
		latest.used = true
		delete(c.session.latest, c.purpose)
	}
	if err != nil {
		return nil, err
	}
	if p.purpose != c.purpose {
		p = c.cross(p)
	}
	if c.on("burn") && c.on("atomic") && c.on("replay") {
		p.used = true
	}
	return p, c.checkChallenge(d, p)
}

// cross is what sloppy sites make of options of the other ceremony.
func (c *ceremony) cross(p *pending) *pending {
	q := *p
	q.purpose, q.open = c.purpose, true
	if c.kind == "login" {
		q.account, q.name = nil, ""
	}
	if q.name == "" && c.kind == "register" && q.session.account != nil {
		q.account, q.name, q.userID = q.session.account, q.session.account.name, q.session.account.id
	}
	return &q
}

// settle ends the options after a result whose outcome is err, and gives the
// outcome that counts.
func (c *ceremony) settle(p *pending, err error) error {
	switch {
	case !c.on("atomic"):
		// The database's delay between looking up and deleting.
		time.Sleep(20 * time.Millisecond)
	case c.on("burn"):
		return err // claim has used them up
	}
	c.site.mu.Lock()
	defer c.site.mu.Unlock()
	if err == nil && c.on("atomic") && c.on("replay") && p.used {
		return errors.New("another result of this ceremony came first")
	}
	if c.on("replay") && (err == nil || c.on("burn")) {
		p.used = true
		if latest := p.session.latest[c.purpose]; latest != nil && latest.challenge == p.challenge {
			delete(p.session.latest, c.purpose)
		}
	}
	return err
}

// checkChallenge compares the challenge.
func (c *ceremony) checkChallenge(d *clientData, p *pending) error {
	given := c.text(d, "challenge")
	trimmed := strings.TrimRight(given, "=\r\n")
	switch {
	case d.unread, given == p.challenge:
		return nil
	case given == "":
		return c.refuse("challenge.present", "no challenge")
	case trimmed == p.challenge:
		return c.refuse("challenge.padding", "challenge is padded")
	case strings.HasPrefix(p.challenge, given):
		return c.refuse("challenge.prefix", "challenge is cut short")
	}
	if b, err := base64.RawURLEncoding.DecodeString(given); err != nil || len(b) < 16 {
		return errors.New("challenge is not 16 bytes of base64url")
	}
	return c.alike("challenge", false)
}

// alike is a check that the step-up makes by code of its own.
func (c *ceremony) alike(name string, ok bool) error {
	if c.purpose == "stepup" {
		return c.site.checks.first("", rule{"stepup." + name, ok})
	}
	return c.first(rule{name, ok})
}

// refuse is a check that this ceremony may lack as a switch: then it always
// counts.
func (c *ceremony) refuse(name, message string) error {
	if c.has(name) {
		return c.first(rule{name, false})
	}
	return fmt.Errorf("%s: %s", c.kind, message)
}
