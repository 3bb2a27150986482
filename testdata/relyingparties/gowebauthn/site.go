// Package gowebauthn is a site that has go-webauthn verify: the REST profile of
// FIDO's conformance tests, and a few paths more, over the library as it is by
// default. Sessions and accounts are the site's own, since the library leaves
// them to its callers. It is to build with versions back to v0.10.
//
//	POST /attestation/options, /attestation/result, /assertion/options, /assertion/result
//	POST /logout
//	GET  /whoami                {"user"}, or 401
//	GET  /credentials           {"credentials": [{"id"}]}
//	DELETE /credentials/{id}
package gowebauthn

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Site is an http.Handler, safe for concurrent use.
type Site struct {
	// Begin begins registrations; New sets what the oldest versions have.
	// mediation is empty or "conditional".
	Begin func(w *webauthn.WebAuthn, u webauthn.User, mediation string, options ...webauthn.RegistrationOption) (*protocol.CredentialCreation, *webauthn.SessionData, error)

	// Extensions gives the option that asks for extensions at sign-in; nil: none
	// is asked for.
	Extensions func(inputs json.RawMessage) (webauthn.LoginOption, error)

	library *webauthn.WebAuthn
	mux     *http.ServeMux

	mu       sync.Mutex // guards all below
	sessions map[string]*session
	accounts map[string]*account // by name
}

// account is a webauthn.User.
type account struct {
	id          []byte
	name        string
	credentials []webauthn.Credential
}

func (a *account) WebAuthnID() []byte                         { return a.id }
func (a *account) WebAuthnName() string                       { return a.name }
func (a *account) WebAuthnDisplayName() string                { return a.name }
func (a *account) WebAuthnIcon() string                       { return "" }
func (a *account) WebAuthnCredentials() []webauthn.Credential { return a.credentials }

// session is one browser; a ceremony under way is good for one result.
type session struct {
	account            *account // signed in, or nil
	registering, login *ceremony
}

type ceremony struct {
	data    webauthn.SessionData
	account *account // nil: whoever the response says
}

// New makes a Site over a library's configuration.
func New(config *webauthn.Config) (*Site, error) {
	library, err := webauthn.New(config)
	if err != nil {
		return nil, err
	}
	s := &Site{library: library, mux: http.NewServeMux(), sessions: map[string]*session{}, accounts: map[string]*account{}}
	s.Begin = func(w *webauthn.WebAuthn, u webauthn.User, _ string, options ...webauthn.RegistrationOption) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
		return w.BeginRegistration(u, options...)
	}
	for pattern, serve := range map[string]func(*session, *http.Request) (any, error){
		"POST /attestation/options": s.beginRegistration,
		"POST /attestation/result":  s.finishRegistration,
		"POST /assertion/options":   s.beginLogin,
		"POST /assertion/result":    s.finishLogin,
		"POST /logout":              func(session *session, _ *http.Request) (any, error) { session.account = nil; return nil, nil },
		"GET /whoami":               s.whoAmI,
		"GET /credentials":          s.listCredentials,
		"DELETE /credentials/{id}":  s.deleteCredential,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, serve) })
	}
	return s, nil
}

func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

const maxBody = 1 << 20

func (s *Site) serve(w http.ResponseWriter, r *http.Request, serve func(*session, *http.Request) (any, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		var v any
		s.mu.Lock()
		v, err = func() (any, error) {
			defer s.mu.Unlock()
			return serve(s.sessionOf(w, r), r)
		}()
		if err == nil {
			answer(w, http.StatusOK, v)
			return
		}
	}
	message := err.Error()
	if detailed := new(protocol.Error); errors.As(err, &detailed) {
		message = detailed.Details + ": " + detailed.DevInfo
	}
	answer(w, http.StatusBadRequest, map[string]any{"status": "failed", "errorMessage": message})
}

// answer writes v with the profile's status beside its members.
func answer(w http.ResponseWriter, code int, v any) {
	members := map[string]any{"status": "ok", "errorMessage": ""}
	if v != nil {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, &members)
		}
		if err != nil {
			code, members = http.StatusInternalServerError, map[string]any{"status": "failed", "errorMessage": err.Error()}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(members) // nobody is left to tell
}

func (s *Site) sessionOf(w http.ResponseWriter, r *http.Request) *session {
	if c, err := r.Cookie("session"); err == nil && s.sessions[c.Value] != nil {
		return s.sessions[c.Value]
	}
	id := base64.RawURLEncoding.EncodeToString(random(32))
	s.sessions[id] = &session{}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true})
	return s.sessions[id]
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// begin is what requests for options say.
type begin struct {
	Username         string          `json:"username"`
	Attestation      string          `json:"attestation"`
	Mediation        string          `json:"mediation"`
	UserVerification string          `json:"userVerification"`
	Extensions       json.RawMessage `json:"extensions"`
	Selection        struct {
		ResidentKey      string `json:"residentKey"`
		UserVerification string `json:"userVerification"`
	} `json:"authenticatorSelection"`
}

// verification is "required" where the client wishes it, and no less than the
// site asks for in any case.
func verification(wish string) protocol.UserVerificationRequirement {
	if wish == "required" {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

func (s *Site) beginRegistration(session *session, r *http.Request) (any, error) {
	var b begin
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return nil, err
	}
	u, exists := s.accounts[b.Username]
	switch {
	case b.Username == "":
		return nil, errors.New("no username")
	case exists && session.account != u:
		return nil, errors.New("the name is taken: sign in to add a passkey")
	case !exists:
		u = &account{id: random(32), name: b.Username}
	}
	selection := protocol.AuthenticatorSelection{
		ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: verification(b.Selection.UserVerification),
	}
	if b.Selection.ResidentKey != "" {
		selection.ResidentKey = protocol.ResidentKeyRequirement(b.Selection.ResidentKey)
	}
	attestation := protocol.PreferNoAttestation
	if b.Attestation == "direct" {
		attestation = protocol.PreferDirectAttestation
	}
	var excluded []protocol.CredentialDescriptor
	for _, c := range u.credentials {
		excluded = append(excluded, c.Descriptor())
	}
	options, data, err := s.Begin(s.library, u, b.Mediation, webauthn.WithAuthenticatorSelection(selection),
		webauthn.WithConveyancePreference(attestation), webauthn.WithExclusions(excluded))
	if err != nil {
		return nil, err
	}
	session.registering = &ceremony{*data, u}
	return options.Response, nil
}

func (s *Site) finishRegistration(session *session, r *http.Request) (any, error) {
	c := session.registering
	session.registering = nil
	if c == nil {
		return nil, errors.New("no registration is under way")
	}
	credential, err := s.library.FinishRegistration(c.account, c.data, r)
	if err != nil {
		return nil, err
	}
	for _, a := range s.accounts {
		if find(a, credential.ID) >= 0 {
			return nil, errors.New("the credential ID is taken")
		}
	}
	if there := s.accounts[c.account.name]; there != nil && there != c.account {
		return nil, errors.New("the name is taken")
	}
	c.account.credentials = append(c.account.credentials, *credential)
	s.accounts[c.account.name] = c.account
	session.account = c.account
	return nil, nil
}

func find(a *account, id []byte) int {
	for i, c := range a.credentials {
		if bytes.Equal(c.ID, id) {
			return i
		}
	}
	return -1
}

func (s *Site) beginLogin(session *session, r *http.Request) (any, error) {
	var b begin
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return nil, err
	}
	wishes := []webauthn.LoginOption{webauthn.WithUserVerification(verification(b.UserVerification))}
	if len(b.Extensions) > 0 && s.Extensions != nil {
		extensions, err := s.Extensions(b.Extensions)
		if err != nil {
			return nil, err
		}
		wishes = append(wishes, extensions)
	}
	if b.Username == "" {
		options, data, err := s.library.BeginDiscoverableLogin(wishes...)
		if err != nil {
			return nil, err
		}
		session.login = &ceremony{data: *data}
		return options.Response, nil
	}
	u := s.accounts[b.Username]
	if u == nil {
		return nil, errors.New("nobody has that name")
	}
	options, data, err := s.library.BeginLogin(u, wishes...)
	if err != nil {
		return nil, err
	}
	session.login = &ceremony{*data, u}
	return options.Response, nil
}

func (s *Site) finishLogin(session *session, r *http.Request) (any, error) {
	c := session.login
	session.login = nil
	if c == nil {
		return nil, errors.New("no sign-in is under way")
	}
	u := c.account
	var credential *webauthn.Credential
	var err error
	if u == nil {
		credential, err = s.library.FinishDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			for _, a := range s.accounts {
				if bytes.Equal(a.id, handle) {
					u = a
					return a, nil
				}
			}
			return nil, errors.New("no account has that user handle")
		}, c.data, r)
	} else {
		credential, err = s.library.FinishLogin(u, c.data, r)
	}
	if err != nil {
		return nil, err
	}
	if i := find(u, credential.ID); i >= 0 {
		u.credentials[i] = *credential
	}
	session.account = u
	return nil, nil
}

var errSignedOut = errors.New("nobody is signed in")

func (s *Site) whoAmI(session *session, _ *http.Request) (any, error) {
	if session.account == nil {
		return nil, errSignedOut
	}
	return map[string]any{"user": session.account.name}, nil
}

func (s *Site) listCredentials(session *session, _ *http.Request) (any, error) {
	if session.account == nil {
		return nil, errSignedOut
	}
	list := []any{}
	for _, c := range session.account.credentials {
		list = append(list, map[string]any{"id": base64.RawURLEncoding.EncodeToString(c.ID)})
	}
	return map[string]any{"credentials": list}, nil
}

func (s *Site) deleteCredential(session *session, r *http.Request) (any, error) {
	if session.account == nil {
		return nil, errSignedOut
	}
	id, err := base64.RawURLEncoding.DecodeString(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	i := find(session.account, id)
	if i < 0 {
		return nil, errors.New("the account has no such credential")
	}
	session.account.credentials = append(session.account.credentials[:i:i], session.account.credentials[i+1:]...)
	return nil, nil
}
