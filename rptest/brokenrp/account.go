package brokenrp

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// account is a person's. Its members but id and name are guarded by Site.mu.
type account struct {
	id          string // user.id, base64url
	name        string
	displayName string
	password    string
	gone        bool
}

// credential is a credential record (WebAuthn §4). Its members are guarded by
// Site.mu.
type credential struct {
	id            []byte
	account       *account
	key           publicKey
	counter       uint32
	eligible      bool // BE
	backedUp      bool // BS
	uvInitialized bool
	discoverable  bool
	deleted       bool
	name          string
	transports    []string
	aaguid        []byte
	made          time.Time
}

// enrolment lets its holder add a passkey to an account.
type enrolment struct {
	account *account
	used    bool
}

// credentialsOf lists an account's credentials, the oldest first. The lock is
// held.
func (s *Site) credentialsOf(a *account) []*credential {
	var list []*credential
	for _, k := range s.credentials {
		if k.account == a && !k.deleted {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *credential) int {
		if d := a.made.Compare(b.made); d != 0 {
			return d
		}
		return strings.Compare(string(a.id), string(b.id))
	})
	return list
}

func (s *Site) listCredentials(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session.account == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	list := []map[string]any{}
	for _, k := range s.credentialsOf(c.session.account) {
		list = append(list, map[string]any{
			"id": base64.RawURLEncoding.EncodeToString(k.id), "name": k.name, "alg": int64(k.key.alg),
			"signCount": k.counter, "backupEligible": k.eligible, "backupState": k.backedUp,
			"uvInitialized": k.uvInitialized, "discoverable": k.discoverable, "transports": k.transports,
		})
	}
	return map[string]any{"status": "ok", "errorMessage": "", "credentials": list}, nil
}

// own finds the credential that a path names, for its owner; check is what makes
// the owner count. The lock is held.
func (s *Site) own(c *call, check string) (*credential, error) {
	if c.session.account == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	id, err := base64.RawURLEncoding.DecodeString(c.PathValue("id"))
	k := s.credentials[string(id)]
	if err != nil || k == nil || k.deleted {
		return nil, &failure{http.StatusNotFound, "no such credential"}
	}
	if err := s.checks.first("", rule{check, k.account == c.session.account}); err != nil {
		return nil, &failure{http.StatusNotFound, err.Error()}
	}
	return k, nil
}

func (s *Site) deleteCredential(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(c, "credentials.owner")
	if err != nil {
		return nil, err
	}
	if s.checks.on("credentials.last") || len(s.credentialsOf(k.account)) > 1 {
		k.deleted = true
	}
	return nil, nil
}

func (s *Site) renameCredential(c *call) (any, error) {
	var in struct{ Name string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(c, "credentials.rename.owner")
	if err != nil {
		return nil, err
	}
	k.name = in.Name
	return nil, nil
}

// deleteAccount removes the account that is signed in. Its credentials stay in
// the table, for sloppy sites to find.
func (s *Site) deleteAccount(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := c.session.account
	if a == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	a.gone = true
	delete(s.accounts, a.name)
	for _, n := range s.sessions {
		if n.account == a {
			n.signIn(nil, "", false)
		}
	}
	return nil, nil
}

// enrol makes an enrolment token for the account that is signed in.
func (s *Site) enrol(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session.account == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	t := token()
	s.enrolments[t] = &enrolment{account: c.session.account}
	return map[string]any{"status": "ok", "errorMessage": "", "token": t}, nil
}

// takeEnrolment uses an enrolment token up. The lock is held.
func (s *Site) takeEnrolment(t string) (*account, error) {
	e := s.enrolments[t]
	if e == nil || e.account.gone {
		return nil, &failure{http.StatusForbidden, "no such enrolment token"}
	}
	if err := s.checks.first("", rule{"enrolment.single", !e.used}); err != nil {
		return nil, &failure{http.StatusForbidden, err.Error()}
	}
	e.used = true
	return e.account, nil
}
