package rptest

import (
	"context"
	"net/http"
)

// Step is one thing that a person does at a site, in one or several requests.
type Step string

const (
	SetUp            Step = "setup"             // make the account, sign in by other means
	RegisterBegin    Step = "register.begin"    // gives creation options
	RegisterFinish   Step = "register.finish"   // takes a RegistrationResponseJSON
	LogInBegin       Step = "login.begin"       // gives request options
	LogInFinish      Step = "login.finish"      // takes an AuthenticationResponseJSON
	LogOut           Step = "logout"            //
	WhoAmI           Step = "whoami"            // tells who is signed in
	Credentials      Step = "credentials"       // lists the account's credential IDs
	DeleteCredential Step = "credential.delete" // removes one
	RenameCredential Step = "credential.rename" // gives one another name
	PasswordLogIn    Step = "password.login"    // a session without a passkey
	PasswordChange   Step = "password.change"   //
	EnrolmentToken   Step = "enrol"             // gives a token that lets a passkey be registered
	DeleteAccount    Step = "account.delete"    //
	StepUpBegin      Step = "stepup.begin"      // a second place that verifies passkeys
	StepUpFinish     Step = "stepup.finish"     //
)

// RP is a relying party under test. Its methods are safe for concurrent use by
// different sessions.
type RP interface {
	// Name says which one, for reports.
	Name() string
	// Offers tells whether the site has a step.
	Offers(Step) bool
	// Do takes a step. An error says that the site could not be spoken to or
	// answered what the mapping does not fit, and names the request; a refusal
	// is an Answer that is not OK.
	Do(ctx context.Context, s *Session, step Step, r Request) (*Answer, error)
}

// Session is one browser at a site: its cookies and what earlier steps saved.
// One goroutine at a time.
type Session struct {
	// User is the account's name, DisplayName what people call it.
	User, DisplayName string
	// Jar keeps the site's cookies.
	Jar http.CookieJar
	// Vars holds what the mapping saved.
	Vars map[string]string
}

// Request is what a step needs.
type Request struct {
	Credential   []byte // response JSON, for the steps that finish
	CredentialID string // base64url, for DeleteCredential and RenameCredential
	Wishes       Wishes // for the steps that begin
	Token        string // from EnrolmentToken
	// Gzip sends bodies compressed.
	Gzip bool
}

// Wishes are what the runner would like the site's options to say. A site that
// lets its clients choose nothing ignores them.
type Wishes struct {
	Attestation      string // "none", "direct"
	UserVerification string // "required", "preferred", "discouraged"
	ResidentKey      string // "required", "preferred", "discouraged"
	Usernameless     bool   // at LogInBegin: do not say who
	Mediation        string // "conditional"
	Attachment       string // "platform", "cross-platform"
	Extensions       string // JSON of the extensions' inputs
	Allow            string // at LogInBegin: JSON of allowCredentials
}

// Answer is what a site answered.
type Answer struct {
	Status int
	// OK tells whether the site took it, as the mapping reads the answer.
	OK bool
	// Crashed tells of a status of 5xx that no mapping calls a refusal.
	Crashed bool
	// Message is the site's own, where it gave one.
	Message string
	err     error // why there is no answer
	step    Step  // which was taken; where it was by HTTP
	// unread tells that the mapping reads OK in the status alone.
	unread bool
	// retryAfter is the header Retry-After.
	retryAfter string

	Options     []byte   // the options' JSON
	User        string   // who is signed in, empty: nobody
	Credentials []string // IDs, base64url
	Token       string   // an enrolment token
	// Exchanges are the requests and answers, for reports. Bodies are cut at
	// 64 KiB, cookies and authorization left out.
	Exchanges []Exchange
}

// Exchange is one HTTP request and its answer.
type Exchange struct {
	Method       string `json:"method"`
	URL          string `json:"url"`
	RequestBody  string `json:"requestBody,omitempty"`
	Status       int    `json:"status"` // 0: no answer
	ResponseBody string `json:"responseBody,omitempty"`
}
