// Package site is a small website that people register at and sign in to with
// passkeys, for the demo. What it knows of WebAuthn is go-webauthn's, which
// nobody here wrote.
package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// A Site has one account and remembers its passkeys in memory. Its paths:
//
//	POST /register/begin   PublicKeyCredentialCreationOptionsJSON, as publicKey
//	POST /register/finish  takes RegistrationResponseJSON
//	POST /login/begin      PublicKeyCredentialRequestOptionsJSON, as publicKey
//	POST /login/finish     takes AuthenticationResponseJSON
//
// The answers of the finish paths are Results.
type Site struct {
	rp  *webauthn.WebAuthn
	mux *http.ServeMux

	mu           sync.Mutex
	account      account
	registration *webauthn.SessionData // begun and not finished
	login        *webauthn.SessionData
}

// Result is what the site has verified.
type Result struct {
	Account      string `json:"account"`
	Attestation  string `json:"attestation"` // format
	UserVerified bool   `json:"userVerified"`
	SignCount    uint32 `json:"signCount"`
}

// New is a site at an origin, which has to be of the host rpID, with one
// account of the given names.
func New(rpID, origin, name, displayName string) (*Site, error) {
	rp, err := webauthn.New(&webauthn.Config{
		RPID:                  rpID,
		RPDisplayName:         "Signet demo",
		RPOrigins:             []string{origin},
		AttestationPreference: protocol.PreferDirectAttestation,
	})
	if err != nil {
		return nil, err
	}
	s := &Site{rp: rp, mux: http.NewServeMux(), account: account{name: name, displayName: displayName}}
	s.mux.HandleFunc("POST /register/begin", handle(s.beginRegistration))
	s.mux.HandleFunc("POST /register/finish", handle(s.finishRegistration))
	s.mux.HandleFunc("POST /login/begin", handle(s.beginLogin))
	s.mux.HandleFunc("POST /login/finish", handle(s.finishLogin))
	return s, nil
}

// ServeHTTP serves the site.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle answers with what f returns, in JSON.
func handle[T any](f func(r *http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		answer, err := f(r)
		if err != nil {
			http.Error(w, detail(err), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(answer)
	}
}

// detail adds what go-webauthn keeps for developers.
func detail(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) && e.DevInfo != "" {
		return fmt.Sprintf("%v: %s", err, e.DevInfo)
	}
	return err.Error()
}

func (s *Site) beginRegistration(*http.Request) (*protocol.CredentialCreation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	creation, session, err := s.rp.BeginRegistration(s.account,
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		}))
	s.registration = session
	return creation, err
}

func (s *Site) finishRegistration(r *http.Request) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.registration == nil {
		return nil, errors.New("no registration is under way")
	}
	session := *s.registration
	s.registration = nil
	c, err := s.rp.FinishRegistration(s.account, session, r)
	if err != nil {
		return nil, err
	}
	s.account.credentials = append(s.account.credentials, *c)
	return s.result(c), nil
}

func (s *Site) beginLogin(*http.Request) (*protocol.CredentialAssertion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assertion, session, err := s.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	s.login = session
	return assertion, err
}

func (s *Site) finishLogin(r *http.Request) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.login == nil {
		return nil, errors.New("no sign-in is under way")
	}
	session := *s.login
	s.login = nil
	c, err := s.rp.FinishDiscoverableLogin(func(_, userHandle []byte) (webauthn.User, error) {
		if string(userHandle) != string(s.account.WebAuthnID()) {
			return nil, errors.New("no such account")
		}
		return s.account, nil
	}, session, r)
	if err != nil {
		return nil, err
	}
	return s.result(c), nil
}

func (s *Site) result(c *webauthn.Credential) *Result {
	return &Result{
		Account:      s.account.name,
		Attestation:  c.AttestationFormat,
		UserVerified: c.Flags.UserVerified,
		SignCount:    c.Authenticator.SignCount,
	}
}

// account implements webauthn.User.
type account struct {
	name, displayName string
	credentials       []webauthn.Credential
}

func (a account) WebAuthnID() []byte                         { return []byte("account of " + a.name) }
func (a account) WebAuthnName() string                       { return a.name }
func (a account) WebAuthnDisplayName() string                { return a.displayName }
func (a account) WebAuthnCredentials() []webauthn.Credential { return a.credentials }
