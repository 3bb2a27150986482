package brokenrp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// request is what a client asks options with.
type request struct {
	Username               *string
	DisplayName            string
	AuthenticatorSelection struct {
		RequireResidentKey      bool
		ResidentKey             string
		AuthenticatorAttachment string
		UserVerification        string
	}
	Attestation      string
	UserVerification string
	Extensions       map[string]json.RawMessage
	AllowCredentials []json.RawMessage // the client wants to be asked for some only
	Mediation        string            // "conditional"
	EnrolmentToken   string
}

// The standard's enumerations, the weakest value first.
var (
	verifications = []string{"discouraged", "preferred", "required"}
	attestations  = []string{"none", "indirect", "direct", "enterprise"}
	residentKeys  = []string{"discouraged", "preferred", "required"}
	attachments   = []string{"platform", "cross-platform"}
)

// atLeast gives the stronger of the site's value and the client's.
func atLeast(order []string, site, client string) string {
	if slices.Index(order, client) > slices.Index(order, site) {
		return client
	}
	return site
}

func oneOf(name, value string, values []string) error {
	if value != "" && !slices.Contains(values, value) {
		return &failure{http.StatusBadRequest, fmt.Sprintf("request: %s is %q", name, value)}
	}
	return nil
}

func parseRequest(c *call) (*request, error) {
	var in request
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	sel := in.AuthenticatorSelection
	for _, err := range []error{
		oneOf("userVerification", in.UserVerification, verifications),
		oneOf("authenticatorSelection.userVerification", sel.UserVerification, verifications),
		oneOf("authenticatorSelection.residentKey", sel.ResidentKey, residentKeys),
		oneOf("authenticatorSelection.authenticatorAttachment", sel.AuthenticatorAttachment, attachments),
		oneOf("attestation", in.Attestation, attestations),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &in, nil
}

// newUserID draws a user handle of 32 bytes, base64url.
func (s *Site) newUserID(name string) string {
	switch {
	case !s.checks.on("options.user.id.present"):
		return ""
	case !s.checks.on("options.user.id.length"):
		return base64.RawURLEncoding.EncodeToString(make([]byte, 65))
	case !s.checks.on("options.user.id.opaque"):
		return base64.RawURLEncoding.EncodeToString([]byte(name))
	}
	return token()
}

// begin remembers options and gives their challenge. The lock is held.
func (s *Site) begin(n *session, p *pending) string {
	var b [32]byte
	rand.Read(b[:])
	challenge := b[:]
	if !s.checks.on("options.challenge.length") {
		challenge = b[:8]
	}
	p.challenge = base64.RawURLEncoding.EncodeToString(challenge)
	if !s.checks.on("options.challenge.fresh") {
		s.challenge = either(s.challenge, p.challenge)
		p.challenge = s.challenge
	}
	p.session, p.begun = n, s.now()
	if len(s.pending) > 4096 {
		for challenge, old := range s.pending {
			if s.now().Sub(old.begun) > s.config.Timeout && s.checks.on(either(old.purpose, "login")+".expiry") {
				delete(s.pending, challenge)
			}
		}
	}
	s.pending[p.challenge] = p
	n.latest[p.purpose] = p
	return s.encode(p.challenge)
}

// encode is what options show of base64url.
func (s *Site) encode(encoded string) string {
	if s.checks.on("options.base64url") {
		return encoded
	}
	b, _ := base64.RawURLEncoding.DecodeString(encoded) // our own
	return base64.StdEncoding.EncodeToString(b)
}

func (s *Site) descriptor(id []byte, transports []string) map[string]any {
	d := map[string]any{"type": "public-key", "id": s.encode(base64.RawURLEncoding.EncodeToString(id))}
	if len(transports) > 0 {
		d["transports"] = transports
	}
	return d
}

// registerOptions is §7.1 step 1.
func (s *Site) registerOptions(c *call) (any, error) {
	in, err := parseRequest(c)
	if err != nil {
		return nil, err
	}
	sel := in.AuthenticatorSelection
	p := &pending{purpose: "register", conditional: in.Mediation == "conditional", extensions: in.Extensions}
	p.residentKey = either(sel.ResidentKey, s.config.ResidentKey)
	if sel.RequireResidentKey {
		p.residentKey = "required"
	}
	p.userVerification = atLeast(verifications, s.config.UserVerification, sel.UserVerification)
	if !s.checks.on("options.lower.userVerification") {
		p.userVerification = either(sel.UserVerification, s.config.UserVerification)
	}
	p.attestation = atLeast(attestations, s.config.Attestation, in.Attestation)
	if !s.checks.on("options.lower.attestation") {
		p.attestation = either(in.Attestation, s.config.Attestation)
	}
	attachment := either(s.config.Attachment, sel.AuthenticatorAttachment)
	if !s.checks.on("options.lower.attachment") {
		attachment = either(sel.AuthenticatorAttachment, s.config.Attachment)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.whoRegisters(c, in, p); err != nil {
		return nil, err
	}
	exclude := []map[string]any{}
	if p.account != nil && s.checks.on("options.exclude") && (p.enrolled || p.account == c.session.account) {
		for _, k := range s.credentialsOf(p.account) {
			exclude = append(exclude, s.descriptor(k.id, k.transports))
		}
	}
	out := status("ok", "")
	out["rp"] = map[string]any{"id": s.rpID(), "name": s.config.RPID}
	out["user"] = map[string]any{"id": s.encode(p.userID), "name": p.name, "displayName": p.displayName}
	out["challenge"] = s.begin(c.session, p)
	out["pubKeyCredParams"] = s.parameters()
	out["timeout"] = s.config.Timeout.Milliseconds()
	out["excludeCredentials"] = exclude
	out["attestation"] = p.attestation
	out["extensions"] = extensionsOut(in.Extensions)
	selection := map[string]any{
		"userVerification": p.userVerification, "residentKey": p.residentKey, "requireResidentKey": p.residentKey == "required",
	}
	if attachment != "" {
		selection["authenticatorAttachment"] = attachment
	}
	if !s.checks.on("options.enums") {
		out["hints"] = []string{"telephone"}
	}
	out["authenticatorSelection"] = selection
	return out, nil
}

// whoRegisters fills in the account. A name that is another's gets options like
// a new one's, and a refusal at the end.
func (s *Site) whoRegisters(c *call, in *request, p *pending) error {
	p.displayName = in.DisplayName
	if in.EnrolmentToken != "" {
		a, err := s.takeEnrolment(in.EnrolmentToken)
		if err != nil {
			return err
		}
		p.account, p.name, p.userID, p.enrolled = a, a.name, a.id, true
		p.displayName = either(p.displayName, a.displayName)
		return nil
	}
	if in.Username == nil || *in.Username == "" || len(*in.Username) > 256 || in.DisplayName == "" {
		return &failure{http.StatusBadRequest, "request: username and displayName are needed"}
	}
	p.name, p.account = *in.Username, s.accounts[*in.Username]
	p.newcomer = p.account == nil
	if !p.newcomer && p.account != c.session.account && !s.checks.on("options.enumeration") {
		return &failure{http.StatusConflict, "somebody is called " + p.name}
	}
	p.userID = s.newUserID(p.name)
	if p.account != nil && (p.account == c.session.account || !s.checks.on("register.owner")) {
		p.userID = p.account.id
	}
	return nil
}

func (s *Site) rpID() string {
	if s.checks.on("options.rp.id") {
		return s.config.RPID
	}
	return "elsewhere.example"
}

func (s *Site) parameters() []map[string]any {
	algorithms := s.config.Algorithms
	if !s.checks.on("options.algorithms") {
		algorithms = slices.DeleteFunc(slices.Clone(algorithms), func(alg ctap.Algorithm) bool { return alg == ctap.RS256 })
	}
	var list []map[string]any
	for _, alg := range algorithms {
		list = append(list, map[string]any{"type": "public-key", "alg": int64(alg)})
	}
	return list
}

// extensionsOut echoes what was asked for, as the FIDO profile wants.
func extensionsOut(in map[string]json.RawMessage) map[string]json.RawMessage {
	if in == nil {
		return map[string]json.RawMessage{}
	}
	return in
}

// loginOptions is §7.2 step 1.
func (s *Site) loginOptions(c *call) (any, error) {
	in, err := parseRequest(c)
	if err != nil {
		return nil, err
	}
	p := &pending{purpose: "login"}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Username != nil && *in.Username != "" {
		p.name, p.account = *in.Username, s.accounts[*in.Username]
		p.unknown = p.account == nil
		if p.unknown && !s.checks.on("options.enumeration") {
			return nil, &failure{http.StatusNotFound, "nobody is called " + p.name}
		}
	}
	return s.requestOptions(c, in, p)
}

// stepUpOptions asks who is signed in for a passkey.
func (s *Site) stepUpOptions(c *call) (any, error) {
	in := &request{}
	if len(c.body) > 0 {
		var err error
		if in, err = parseRequest(c); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := c.session.account
	if a == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	in.UserVerification = "required"
	return s.requestOptions(c, in, &pending{purpose: "stepup", account: a, name: a.name})
}

// requestOptions makes the options. The lock is held.
func (s *Site) requestOptions(c *call, in *request, p *pending) (any, error) {
	if err := s.checks.first("", rule{"body.ids", len(in.AllowCredentials) <= maxIDs}); err != nil {
		return nil, &failure{http.StatusBadRequest, err.Error()}
	}
	p.extensions, p.asked = in.Extensions, in.UserVerification
	p.userVerification = atLeast(verifications, s.config.UserVerification, in.UserVerification)
	if !s.checks.on("options.lower.userVerification") {
		p.userVerification = either(in.UserVerification, s.config.UserVerification)
	}
	allow := []map[string]any{}
	if p.account != nil {
		for _, k := range s.credentialsOf(p.account) {
			if len(in.AllowCredentials) > 0 && !slices.ContainsFunc(in.AllowCredentials, func(raw json.RawMessage) bool {
				return strings.Contains(string(raw), `"`+base64.RawURLEncoding.EncodeToString(k.id)+`"`)
			}) {
				continue
			}
			p.allow = append(p.allow, k.id)
			allow = append(allow, s.descriptor(k.id, k.transports))
		}
	}
	if p.name != "" && len(allow) == 0 {
		allow = append(allow, s.descriptor(s.madeUp(p.name), nil))
	}
	out := status("ok", "")
	out["challenge"] = s.begin(c.session, p)
	out["timeout"] = s.config.Timeout.Milliseconds()
	out["rpId"] = s.rpID()
	out["allowCredentials"] = allow
	out["userVerification"] = p.userVerification
	out["extensions"] = extensionsOut(in.Extensions)
	return out, nil
}

// madeUp is the credential ID that a name without credentials seems to have,
// always the same.
func (s *Site) madeUp(name string) []byte {
	h := hmac.New(sha256.New, s.secret[:])
	h.Write([]byte(name))
	return h.Sum(nil)
}
