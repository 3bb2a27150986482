package brokenrp

import (
	"compress/gzip"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// Config is what a Site is.
type Config struct {
	RPID    string
	Origins []string // of pages and apps, compared exactly
	Off     []Check  // the checks that are left out

	// TopOrigins lists the top-level origins that may frame the site; nil:
	// it is not framed.
	TopOrigins []string
	// Related lists further origins that /.well-known/webauthn names.
	Related []string

	// UserVerification is the least that options ask for, whatever the client
	// requests; empty: "preferred". Attestation likewise; empty: "none".
	UserVerification string
	Attestation      string
	// ResidentKey is for requests that do not say; empty: "preferred".
	ResidentKey string
	// Attachment is put into all options if not empty.
	Attachment string
	// Algorithms is pubKeyCredParams; nil: all that the site verifies but
	// ES256K.
	Algorithms []ctap.Algorithm
	// DeviceBound refuses credentials that may be backed up.
	DeviceBound bool

	// Roots are trusted to certify attestation keys; nil: certificates' paths
	// and dates are not checked.
	Roots []*x509.Certificate
	// Models lists the AAGUIDs that the site allows; nil: all. With it, or
	// with Attestation "direct", attestation must be by certificate.
	Models []ctap.AAGUID
	// Metadata gives models' statuses, as "REVOKED". MetadataRoots are trusted
	// to sign what is posted to /metadata.
	Metadata      map[ctap.AAGUID]string
	MetadataRoots []*x509.Certificate

	// Timeout is how long options are good; zero: five minutes.
	Timeout time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Site is the relying party, an http.Handler. It is safe for concurrent use.
type Site struct {
	config Config
	checks switches
	mux    *http.ServeMux
	secret [32]byte // makes up what an unknown name's account would have

	mu          sync.Mutex // guards all below
	sessions    map[string]*session
	pending     map[string]*pending // by challenge
	accounts    map[string]*account // by name
	credentials map[string]*credential
	enrolments  map[string]*enrolment // by token
	metadata    map[ctap.AAGUID]string
	number      int64  // of the newest metadata
	challenge   string // the one that serves for ever
}

// New makes a Site. An unknown name in cfg.Off, and missing RPID or Origins, are
// errors.
func New(cfg Config) (*Site, error) {
	checks, err := newSwitches(cfg.Off)
	if err != nil {
		return nil, err
	}
	if cfg.RPID == "" || len(cfg.Origins) == 0 {
		return nil, errors.New("a site needs an RP ID and an origin")
	}
	cfg.UserVerification = either(cfg.UserVerification, "preferred")
	cfg.Attestation = either(cfg.Attestation, "none")
	cfg.ResidentKey = either(cfg.ResidentKey, "preferred")
	if cfg.Algorithms == nil {
		cfg.Algorithms = []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256}
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Minute
	}
	s := &Site{
		config: cfg, checks: checks, mux: http.NewServeMux(),
		sessions: map[string]*session{}, pending: map[string]*pending{}, accounts: map[string]*account{},
		credentials: map[string]*credential{}, enrolments: map[string]*enrolment{}, metadata: map[ctap.AAGUID]string{},
	}
	rand.Read(s.secret[:])
	for aaguid, status := range cfg.Metadata {
		s.metadata[aaguid] = status
	}
	s.routes()
	return s, nil
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *Site) now() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now()
}

// failure is an answer other than 200.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

// call is one request.
type call struct {
	*http.Request
	session *session
	body    []byte
}

// decode parses the body.
func (c *call) decode(v any) error {
	if err := json.Unmarshal(c.body, v); err != nil {
		return &failure{http.StatusBadRequest, fmt.Sprintf("request: %v", err)}
	}
	return nil
}

func (s *Site) routes() {
	for pattern, serve := range map[string]func(*call) (any, error){
		"POST /attestation/options": s.registerOptions,
		"POST /attestation/result":  s.registerResult,
		"POST /assertion/options":   s.loginOptions,
		"POST /assertion/result":    s.loginResult,
		"POST /stepup/options":      s.stepUpOptions,
		"POST /stepup/result":       s.stepUpResult,
		"GET /whoami":               s.whoAmI,
		"GET /sensitive":            s.sensitive,
		"POST /logout":              s.logout,
		"POST /password-login":      s.passwordLogin,
		"POST /password":            s.changePassword,
		"GET /credentials":          s.listCredentials,
		"PUT /credentials/{id}":     s.renameCredential,
		"DELETE /credentials/{id}":  s.deleteCredential,
		"DELETE /account":           s.deleteAccount,
		"POST /enrolment":           s.enrol,
		"POST /metadata":            s.loadMetadata,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, serve) })
	}
	s.mux.HandleFunc("GET /.well-known/webauthn", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"origins": append(s.config.Origins[:len(s.config.Origins):len(s.config.Origins)], s.config.Related...)})
	})
	s.mux.HandleFunc("GET /{$}", page)
}

// ServeHTTP answers. What a missing check lets crash becomes a 500, as in every
// framework.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if crash := recover(); crash != nil {
			answer(w, http.StatusInternalServerError, status("failed", fmt.Sprintf("crash: %v", crash)))
		}
	}()
	s.mux.ServeHTTP(w, r)
}

func (s *Site) serve(w http.ResponseWriter, r *http.Request, serve func(*call) (any, error)) {
	body, err := s.readBody(r)
	if err != nil {
		fail(w, err)
		return
	}
	v, err := serve(&call{r, s.sessionOf(w, r), body})
	if err != nil {
		fail(w, err)
		return
	}
	if v == nil {
		v = status("ok", "")
	}
	answer(w, http.StatusOK, v)
}

const (
	maxBody    = 1 << 20
	maxOptions = 64 << 10 // of requests for options
	maxIDs     = 64
)

// readBody reads a request's body within its limits.
func (s *Site) readBody(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Body == nil {
		return nil, nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		if err := s.checks.first("", rule{"body.gzip", false}); err != nil {
			return nil, &failure{http.StatusUnsupportedMediaType, err.Error()}
		}
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, &failure{http.StatusBadRequest, err.Error()}
		}
		return io.ReadAll(z)
	}
	check, limit := "body.limit", int64(maxBody)
	if r.URL.Path == "/assertion/options" {
		check, limit = "body.ids", maxOptions
	}
	if s.checks.on(check) {
		body = io.LimitReader(body, limit+1)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, &failure{http.StatusBadRequest, err.Error()}
	}
	if err := s.checks.first("", rule{check, int64(len(b)) <= limit}); err != nil {
		return nil, &failure{http.StatusRequestEntityTooLarge, err.Error()}
	}
	return b, s.checkDepth(b)
}

// maxNesting is how deep JSON may nest.
const maxNesting = 64

// checkDepth looks for arrays and objects that are nested too deep.
func (s *Site) checkDepth(body []byte) error {
	var open [maxNesting]byte
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case b == '"':
			inString = !inString
		case inString && b == '\\':
			i++
		case inString:
		case b == '[' || b == '{':
			if err := s.checks.first("", rule{"body.depth", depth < maxNesting}); err != nil {
				return err
			}
			open[depth] = b
			depth++
		case b == ']' || b == '}':
			depth = max(0, depth-1)
		}
	}
	return nil
}

func status(s, message string) map[string]any {
	return map[string]any{"status": s, "errorMessage": message}
}

// fail answers with an error: 400 unless it says otherwise.
func fail(w http.ResponseWriter, err error) {
	code := http.StatusBadRequest
	if f, ok := errors.AsType[*failure](err); ok {
		code = f.status
	}
	answer(w, code, status("failed", err.Error()))
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v) // nobody is left to tell
}

// token draws 32 random bytes, base64url.
func token() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
