package rptest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Mapping says how a site's own endpoints are spoken to. In YAML, as ParseMapping
// reads it, members have the names in the tags; docs/testing/mapping.md teaches
// it.
type Mapping struct {
	Name string `yaml:"name"`
	// Base is what paths are relative to: the site's address.
	Base string `yaml:"base"`
	// Origin is that of the site's pages, where it differs from https:// and the
	// RP ID.
	Origin string `yaml:"origin,omitempty"`
	// Hosts may be contacted besides Base's.
	Hosts   []string             `yaml:"hosts,omitempty"`
	Headers map[string]string    `yaml:"headers,omitempty"`
	Steps   map[Step]StepMapping `yaml:"steps"`

	profile bool // FIDO made it
}

// StepMapping is one step: requests in their order, and where in the last
// answer things are.
type StepMapping struct {
	Requests []RequestMapping `yaml:"requests"`

	Options     Extraction `yaml:"options,omitempty"`     // of the steps that begin
	User        Extraction `yaml:"user,omitempty"`        // of WhoAmI
	Credentials Extraction `yaml:"credentials,omitempty"` // of Credentials
	Token       Extraction `yaml:"token,omitempty"`       // of EnrolmentToken
	Message     Extraction `yaml:"message,omitempty"`     // the site's words, of any

	OK Acceptance `yaml:"ok,omitempty"`
	// Refused is what an answer of 500 and above looks like that is a refusal;
	// empty: each is a crash. It hides crashes that look the same.
	Refused Acceptance `yaml:"refused,omitempty"`
}

// RequestMapping is one request. One of Get, Post, Put, Patch and Delete is its
// path, or a whole URL. Strings may hold placeholders: see expand.
type RequestMapping struct {
	Get     string            `yaml:"get,omitempty"`
	Post    string            `yaml:"post,omitempty"`
	Put     string            `yaml:"put,omitempty"`
	Patch   string            `yaml:"patch,omitempty"`
	Delete  string            `yaml:"delete,omitempty"`
	Headers map[string]string `yaml:"headers,omitempty"`
	// JSON is the body as JSON, Form as a form.
	JSON any               `yaml:"json,omitempty"`
	Form map[string]string `yaml:"form,omitempty"`
	// Save keeps what the answer says for later requests, of later steps too.
	Save map[string]Extraction `yaml:"save,omitempty"`
	// Allow lists statuses of 400 and above that are no refusal; those below are
	// none ever, but the last request's, which OK judges.
	Allow []int `yaml:"allow,omitempty"`
}

// Acceptance is what an answer looks like: the last one of a step, where the site
// agrees.
type Acceptance struct {
	// Status lists the statuses; empty: those from 200 to 299.
	Status []int `yaml:"status,omitempty"`
	// Has must find something that is neither false nor null nor empty, and where
	// Equals is set, just that.
	Has    Extraction `yaml:"has,omitempty"`
	Equals string     `yaml:"equals,omitempty"`
}

// ReadMapping reads a mapping from a file.
func ReadMapping(path string) (*Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read mapping: %w", err)
	}
	defer f.Close()
	m, err := ParseMapping(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// ParseMapping reads a mapping. Unknown members, unknown steps, and extractions
// that cannot be read are errors that say where.
func ParseMapping(r io.Reader) (*Mapping, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read mapping: %w", err)
	case len(data) > maxMapping:
		return nil, fmt.Errorf("mapping: longer than %d KiB", maxMapping>>10)
	}
	m := new(Mapping)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("mapping: there is nothing in it")
	}
	if err := m.decode(data); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return m, nil
}

// knownSteps lists all, in the order of Step's constants.
var knownSteps = []Step{
	SetUp, RegisterBegin, RegisterFinish, LogInBegin, LogInFinish, LogOut, WhoAmI, Credentials, DeleteCredential, RenameCredential,
	PasswordLogIn, PasswordChange, EnrolmentToken, DeleteAccount, StepUpBegin, StepUpFinish,
}

func (m *Mapping) check() error {
	for name := range m.Steps { // first: one that is missing may be one misspelt
		if !slices.Contains(knownSteps, name) {
			return fmt.Errorf("step %q is none of %q", name, knownSteps)
		}
	}
	for _, need := range []Step{RegisterBegin, RegisterFinish, LogInBegin, LogInFinish} {
		if _, ok := m.Steps[need]; !ok {
			return fmt.Errorf("steps has no %s", need)
		}
	}
	for name, s := range m.Steps {
		if err := s.check(name); err != nil {
			return fmt.Errorf("step %s: %w", name, err)
		}
	}
	if m.Base != "" {
		if u, err := url.Parse(m.Base); err != nil || u.Host == "" {
			return fmt.Errorf("base %q is not like http://localhost:8080", m.Base)
		}
	}
	if m.Origin != "" {
		return checkOrigin(m.Origin)
	}
	return nil
}

func (s *StepMapping) check(name Step) error {
	if len(s.Requests) == 0 {
		return errors.New("no requests")
	}
	if begins := name == RegisterBegin || name == LogInBegin || name == StepUpBegin; begins && s.Options == "" {
		return errors.New("options does not say where the options are")
	}
	for _, e := range []Extraction{s.Options, s.User, s.Credentials, s.Token, s.Message, s.OK.Has, s.Refused.Has} {
		if err := e.check(); err != nil {
			return err
		}
	}
	if err := s.Refused.checkRefusal(); err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	for i, r := range s.Requests {
		if method, _ := r.target(); method == "" {
			return fmt.Errorf("request %d: one of get, post, put, patch and delete has to be there", i+1)
		}
		if r.JSON != nil && r.Form != nil {
			return fmt.Errorf("request %d: json and form exclude each other", i+1)
		}
		for _, e := range r.Save {
			if err := e.check(); err != nil {
				return fmt.Errorf("request %d: %w", i+1, err)
			}
		}
	}
	return nil
}

// checkRefusal wants it to name statuses that would be crashes.
func (a *Acceptance) checkRefusal() error {
	if len(a.Status) == 0 && (a.Has != "" || a.Equals != "") {
		return errors.New("status is missing: which of 500 and above are a refusal?")
	}
	for _, status := range a.Status {
		if status == http.StatusTooManyRequests {
			return errors.New("status 429 is no refusal: it tells that too many requests came, whatever is in them")
		}
		if status < 500 || status > 599 {
			return fmt.Errorf("status %d is not from 500 to 599: those below are refusals anyway", status)
		}
	}
	return nil
}

// target gives the method, and the path as it is written; "" where there is none
// or more than one.
func (r *RequestMapping) target() (method, path string) {
	for _, m := range []struct{ method, path string }{
		{"GET", r.Get}, {"POST", r.Post}, {"PUT", r.Put}, {"PATCH", r.Patch}, {"DELETE", r.Delete},
	} {
		if m.path == "" {
			continue
		}
		if method != "" {
			return "", ""
		}
		method, path = m.method, m.path
	}
	return method, path
}

// FIDO is the REST profile of FIDO's conformance tests: /attestation/options,
// /attestation/result, /assertion/options and /assertion/result.
func FIDO() *Mapping {
	begin := func(path string, body map[string]any) StepMapping {
		return StepMapping{
			Requests: []RequestMapping{{Post: path, JSON: body}},
			Options:  "json .", Message: "json errorMessage", OK: Acceptance{Has: "json status", Equals: "ok"},
		}
	}
	finish := func(path string) StepMapping {
		return StepMapping{
			Requests: []RequestMapping{{Post: path, JSON: "${credential}"}},
			Message:  "json errorMessage", OK: Acceptance{Has: "json status", Equals: "ok"},
		}
	}
	return &Mapping{
		Name: "FIDO REST profile", profile: true,
		Steps: map[Step]StepMapping{
			RegisterBegin: begin("/attestation/options", map[string]any{
				"username": "${user}", "displayName": "${displayName}", "attestation": "${wish.attestation?}",
				"authenticatorSelection": map[string]any{
					"residentKey": "${wish.residentKey?}", "userVerification": "${wish.userVerification?}",
					"authenticatorAttachment": "${wish.attachment?}",
				},
				"extensions": "${wish.extensions?|json}",
			}),
			RegisterFinish: finish("/attestation/result"),
			LogInBegin: begin("/assertion/options", map[string]any{
				"username": "${loginUser?}", "userVerification": "${wish.userVerification?}",
				"extensions": "${wish.extensions?|json}", "allowCredentials": "${wish.allow?|json}",
			}),
			LogInFinish: finish("/assertion/result"),
		},
	}
}

// at gives the mapping another base, and its own name where it has none.
func (m *Mapping) at(base string) *Mapping {
	c := *m
	c.Base = strings.TrimSuffix(base, "/")
	return &c
}
