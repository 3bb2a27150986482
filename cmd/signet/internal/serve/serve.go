// Package serve is the HTTP service of test devices: whatever speaks JSON makes
// devices of package rptest, registers and signs in with them, scripts the
// person and the faults, and audits sites. A script that it serves answers
// navigator.credentials in the page of any browser. openapi.yaml describes it;
// a test holds the two together.
package serve

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says who may use a Server.
type Config struct {
	// Token is what clients have to know. It is a secret of at least
	// MinTokenLength bytes.
	Token string
	// Host tells whether a name, a Host header without its port, is one of the
	// service's own: rptest.IsLoopback of a service on loopback; nil: any is,
	// because browsers cannot reach the service.
	Host func(name string) bool
	// Origins are those of pages whose scripts may use the service, if they
	// know the token.
	Origins []string
}

// MinTokenLength is the shortest token in bytes.
const MinTokenLength = 16

// Server is the service, an http.Handler. It is safe for concurrent use.
type Server struct {
	config Config
	token  [sha256.Size]byte // of the token
	key    [32]byte          // of the page tokens
	mux    *http.ServeMux
	// ctx ends at Close. It is kept because http.Server asks for the context of
	// requests, and because audits outlive the request that starts them.
	ctx  context.Context
	stop context.CancelFunc
	runs runs

	mu      sync.RWMutex // guards all below
	devices map[string]*device
	order   []string // the devices' IDs, the oldest first
	made    int      // devices, ever
	pages   map[string]bool
}

// New makes a Server without devices.
func New(c Config) (*Server, error) {
	if len(c.Token) < MinTokenLength {
		return nil, errors.New("the token is too short to be secret")
	}
	for _, o := range c.Origins {
		if err := checkOrigin(o); err != nil {
			return nil, fmt.Errorf("pages that may use the service: %w", err)
		}
	}
	s := &Server{
		config: c, token: sha256.Sum256([]byte(c.Token)),
		mux: http.NewServeMux(), devices: map[string]*device{}, pages: map[string]bool{},
	}
	s.config.Token = ""
	rand.Read(s.key[:])
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, r := range routes {
		s.mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) {
			if err := r.serve(s, w, req); err != nil {
				fail(w, err)
			}
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, refusal(http.StatusNotFound, "there is no %s %s; GET /v1/openapi.yaml tells what there is", r.Method, r.URL.Path))
	})
	return s, nil
}

// Close ends what waits: ceremonies, streams of events, audits.
func (s *Server) Close() {
	s.stop()
	s.runs.wait()
}

// HTTP gives an http.Server for s, with limits on what a client can make it
// wait for. Its requests end at Close.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
	}
}

// route is one row of what the service does.
type route struct {
	method, path string
	serve        func(s *Server, w http.ResponseWriter, r *http.Request) error
}

const (
	healthPath = "/healthz"
	pagePrefix = "/v1/page/"
)

var routes = []route{
	{"GET", healthPath, (*Server).health},
	{"GET", "/v1/openapi.yaml", (*Server).openAPI},

	{"GET", "/v1/devices", (*Server).listDevices},
	{"POST", "/v1/devices", (*Server).makeDevice},
	{"DELETE", "/v1/devices", (*Server).dropDevices},
	{"GET", "/v1/devices/{device}", withDevice((*Server).getDevice)},
	{"DELETE", "/v1/devices/{device}", withDevice((*Server).dropDevice)},
	{"POST", "/v1/devices/{device}/reset", withDevice((*Server).resetDevice)},
	{"POST", "/v1/devices/{device}/power-cycle", withDevice((*Server).powerCycle)},
	{"POST", "/v1/devices/{device}/behaviour", withDevice((*Server).behave)},

	{"POST", "/v1/devices/{device}/create", withDevice((*Server).create)},
	{"POST", "/v1/devices/{device}/get", withDevice((*Server).get)},
	{"POST", "/v1/devices/{device}/autofill", withDevice((*Server).autofill)},
	{"POST", "/v1/devices/{device}/abort", withDevice((*Server).abort)},
	{"POST", "/v1/devices/{device}/signal/{kind}", withDevice((*Server).signal)},
	{"GET", "/v1/devices/{device}/events", withDevice((*Server).events)},

	{"GET", "/v1/devices/{device}/credentials", withDevice((*Server).listCredentials)},
	{"POST", "/v1/devices/{device}/credentials", withDevice((*Server).addCredential)},
	{"DELETE", "/v1/devices/{device}/credentials", withDevice((*Server).removeCredentials)},
	{"GET", "/v1/devices/{device}/credentials/{credential}", withDevice((*Server).getCredential)},
	{"PATCH", "/v1/devices/{device}/credentials/{credential}", withDevice((*Server).setProperties)},
	{"DELETE", "/v1/devices/{device}/credentials/{credential}", withDevice((*Server).removeCredential)},

	{"GET", "/v1/devices/{device}/roots.pem", withDevice((*Server).deviceRoots)},
	{"GET", "/v1/devices/{device}/metadata.json", withDevice((*Server).metadata)},
	{"GET", "/v1/devices/{device}/mds.jwt", withDevice((*Server).metadataBLOB)},
	{"GET", "/v1/devices/{device}/mds-roots.pem", withDevice((*Server).metadataRoots)},
	{"GET", "/v1/devices/{device}/mds-trials", withDevice((*Server).trialBLOBs)},
	{"GET", "/v1/roots.pem", (*Server).allRoots},

	{"GET", "/v1/mutations", (*Server).listMutations},
	{"GET", "/v1/cases", (*Server).listCases},

	{"GET", "/v1/runs", (*Server).listRuns},
	{"POST", "/v1/runs", (*Server).startRun},
	{"GET", "/v1/runs/{run}", (*Server).getRun},
	{"DELETE", "/v1/runs/{run}", (*Server).dropRun},
	{"GET", "/v1/runs/{run}/{report}", (*Server).getReport},

	{"GET", "/v1/shim.js", (*Server).shim},
	{"POST", pagePrefix + "create", fromPage((*Server).create)},
	{"POST", pagePrefix + "get", fromPage((*Server).get)},
	{"POST", pagePrefix + "abort", fromPage((*Server).abort)},
	{"POST", pagePrefix + "signal/{kind}", fromPage((*Server).signal)},
}

// maxBody bounds a request's body, in bytes; bodyTime is how long it may take to
// arrive.
const (
	maxBody  = 1 << 20
	bodyTime = 30 * time.Second
)

// timely is a body that has to arrive by the connection's read deadline, which
// ends with it: ceremonies may wait for longer.
type timely struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b timely) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.connection.SetReadDeadline(time.Time{}) // it took one before
	}
	return n, err
}

// ServeHTTP lets a request in and has it answered.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // of requests that are refused, too: net/http reads on
		if c := http.NewResponseController(w); c.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
			r.Body = timely{r.Body, c}
		}
	}
	if err := s.checkHost(r); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == healthPath {
		s.mux.ServeHTTP(w, r)
		return
	}
	if done := s.crossOrigin(w, r); done {
		return
	}
	if !strings.HasPrefix(r.URL.Path, pagePrefix) {
		if err := s.checkToken(r); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, err)
			return
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.mux.ServeHTTP(w, r)
}

// health tells that the service is there.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

//go:embed openapi.yaml
var document []byte

// openAPI serves the description of the service.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	return raw(w, "application/yaml", document)
}
