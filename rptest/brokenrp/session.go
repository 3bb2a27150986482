package brokenrp

import (
	"net/http"
)

// session is a browser's. Its account, method and verified say who came in and
// how; they are guarded by Site.mu.
type session struct {
	account  *account
	method   string // "passkey" or "password"
	verified bool   // the person was verified by a passkey

	latest map[string]*pending // by purpose
}

const cookieName = "session"

// sessionOf gives the request's session, and makes one where there is none.
func (s *Site) sessionOf(w http.ResponseWriter, r *http.Request) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cookie, err := r.Cookie(cookieName); err == nil {
		if found := s.sessions[cookie.Value]; found != nil {
			return found
		}
	}
	made, id := &session{latest: map[string]*pending{}}, token()
	s.sessions[id] = made
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return made
}

// signIn is called with the lock held.
func (n *session) signIn(a *account, method string, verified bool) {
	n.account, n.method, n.verified = a, method, verified
}

func (s *Site) whoAmI(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session.account == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	return map[string]any{"user": c.session.account.name, "verified": c.session.verified, "method": c.session.method}, nil
}

// sensitive is what only a verified session may do.
func (s *Site) sensitive(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.session.account == nil:
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	case !c.session.verified:
		return nil, &failure{http.StatusForbidden, "verify with a passkey first, at /stepup/options"}
	}
	return nil, nil
}

func (s *Site) logout(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.session.signIn(nil, "", false)
	return nil, nil
}

// passwordLogin stands for whatever else a site has beside passkeys: it makes
// the account where there is none.
func (s *Site) passwordLogin(c *call) (any, error) {
	var in struct{ Username, Password string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Username == "" {
		return nil, &failure{http.StatusBadRequest, "no username"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[in.Username]
	if a == nil {
		a = &account{id: s.newUserID(in.Username), name: in.Username, displayName: in.Username}
		s.accounts[in.Username] = a
	}
	if a.password == "" {
		a.password = in.Password
	}
	if a.password != in.Password {
		return nil, &failure{http.StatusUnauthorized, "wrong password"}
	}
	c.session.signIn(a, "password", false)
	return nil, nil
}

// changePassword ends the account's ceremonies.
func (s *Site) changePassword(c *call) (any, error) {
	var in struct{ Password string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := c.session.account
	if a == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	a.password = in.Password
	if s.checks.on("password.pending") {
		for _, n := range s.sessions {
			for purpose, p := range n.latest {
				if n == c.session || p.name == a.name {
					p.used = true
					delete(n.latest, purpose)
				}
			}
		}
	}
	return nil, nil
}
