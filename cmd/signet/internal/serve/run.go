package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// runs are the audits. The zero value has none.
type runs struct {
	mu      sync.Mutex
	all     []*run // the oldest first
	made    int
	running sync.WaitGroup
}

// Limits of audits: at a time, and of those kept.
const (
	maxRunning = 4
	maxRuns    = 64
)

// States of a run.
const (
	stateRunning = "running"
	stateDone    = "done"
	stateFailed  = "failed" // it could not begin
)

// run is one audit.
type run struct {
	id   string
	stop context.CancelFunc

	mu          sync.Mutex // guards all below
	state       string
	failure     string
	done, total int
	report      *rptest.Report
}

// runStatus is what is shown of a run.
type runStatus struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Done     int    `json:"done"`
	Total    int    `json:"total"`
	Failure  string `json:"failure,omitempty"`
	Findings *int   `json:"findings,omitempty"` // new ones, once it is done
	RP       string `json:"rp,omitempty"`
	Seed     string `json:"seed,omitempty"`
}

func (r *run) status() runStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := runStatus{ID: r.id, State: r.state, Done: r.done, Total: r.total, Failure: r.failure}
	if r.report != nil {
		n := len(r.report.Findings(rptest.Low))
		s.Findings, s.RP, s.Seed = &n, r.report.RP, r.report.Seed
	}
	return s
}

// auditRequest is what a client asks for.
type auditRequest struct {
	URL string `json:"url"`
	// Mapping is a mapping file's text, or the same as a JSON object; absent:
	// the FIDO REST profile.
	Mapping  json.RawMessage  `json:"mapping"`
	Origin   string           `json:"origin"`
	Seed     string           `json:"seed"`
	Device   deviceConfig     `json:"device"`
	AtLeast  *rptest.Severity `json:"atLeast"`
	Only     []string         `json:"only"`
	Slow     bool             `json:"slow"`
	Baseline struct {
		Known rptest.KnownFindings `json:"known"`
	} `json:"baseline"`
	// CA are certificates that the site's may be issued by, as PEM.
	CA string `json:"ca"`
	// IOwnThis allows a site that is not on this machine.
	IOwnThis bool `json:"iOwnThis"`
}

func (s *Server) startRun(w http.ResponseWriter, r *http.Request) error {
	var b auditRequest
	if err := decode(r, &b); err != nil {
		return err
	}
	audit, err := b.audit()
	if err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	started, err := s.runs.start(s.ctx, audit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, started.status())
}

// audit makes an audit of what is asked for.
func (b *auditRequest) audit() (*rptest.Audit, error) {
	site, err := b.site()
	if err != nil {
		return nil, err
	}
	if _, err := newDevice("", b.Device); err != nil { // says what is wrong with it
		return nil, fmt.Errorf("device: %w", err)
	}
	a := &rptest.Audit{
		RP: site, Origin: b.Origin, Seed: b.Seed, Device: b.Device.DeviceConfig, Only: b.Only, Slow: b.Slow, Known: b.Baseline.Known,
	}
	if b.AtLeast != nil {
		a.AtLeast = *b.AtLeast
	}
	if a.Origin == "" {
		a.Origin = site.Mapping().Origin
	}
	return a, nil
}

// site is who is audited.
func (b *auditRequest) site() (*rptest.Site, error) {
	m := rptest.FIDO()
	if len(b.Mapping) > 0 {
		text := string(b.Mapping) // JSON is YAML
		if b.Mapping[0] == '"' {
			if err := json.Unmarshal(b.Mapping, &text); err != nil {
				return nil, fmt.Errorf("mapping: %w", err)
			}
		}
		var err error
		if m, err = rptest.ParseMapping(strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	hosts := append([]string{b.URL, m.Base}, m.Hosts...)
	for _, h := range hosts {
		if h != "" && !b.IOwnThis && !isLoopback(h) {
			return nil, fmt.Errorf("%s is not on this machine: say iOwnThis where you may attack it", h)
		}
	}
	transport, err := b.transport()
	if err != nil {
		return nil, err
	}
	return rptest.URL(b.URL, m, transport)
}

// transport reaches the site, and no other machine where nobody says that it may.
func (b *auditRequest) transport() (*http.Transport, error) {
	dialer := &net.Dialer{}
	if !b.IOwnThis {
		dialer.ControlContext = onlyLoopback
	}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second}
	if b.IOwnThis {
		transport.Proxy = http.ProxyFromEnvironment
	}
	if b.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(b.CA)) {
			return nil, fmt.Errorf("ca holds no certificate in PEM")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return transport, nil
}

// isLoopback tells whether an address or URL names this machine.
func isLoopback(address string) bool {
	host := address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		host = u.Hostname()
	} else if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	return rptest.IsLoopback(host)
}

// onlyLoopback keeps a dialer from other machines, whatever a name stands for.
func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not on this machine: say iOwnThis where you may attack it", address)
	}
	return nil
}

// start runs an audit until ctx ends.
func (rs *runs) start(ctx context.Context, audit *rptest.Audit) (*run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	running := 0
	for _, r := range rs.all {
		if r.status().State == stateRunning {
			running++
		}
	}
	if running >= maxRunning {
		return nil, refusal(http.StatusTooManyRequests, "%d audits are running: wait for one", running)
	}
	if len(rs.all) >= maxRuns {
		i := slices.IndexFunc(rs.all, func(r *run) bool { return r.status().State != stateRunning })
		rs.all = slices.Delete(rs.all, i, i+1)
	}
	rs.made++
	ctx, stop := context.WithCancel(ctx)
	r := &run{id: "r" + strconv.Itoa(rs.made), stop: stop, state: stateRunning}
	rs.all = append(rs.all, r)
	audit.Progress = func(done, total int, _ rptest.Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done, r.total = done, total
	}
	rs.running.Go(func() {
		defer stop()
		report, err := audit.Run(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.state, r.report = stateDone, report
		if err != nil {
			r.state, r.failure = stateFailed, err.Error()
		}
	})
	return r, nil
}

// wait waits until no audit runs any more.
func (rs *runs) wait() { rs.running.Wait() }

// named gives the run that the path names.
func (rs *runs) named(r *http.Request) (*run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	id := r.PathValue("run")
	i := slices.IndexFunc(rs.all, func(r *run) bool { return r.id == id })
	if i < 0 {
		return nil, refusal(http.StatusNotFound, "there is no run %q", id)
	}
	return rs.all[i], nil
}

func (s *Server) listRuns(w http.ResponseWriter, _ *http.Request) error {
	s.runs.mu.Lock()
	list := []runStatus{}
	for _, r := range s.runs.all {
		list = append(list, r.status())
	}
	s.runs.mu.Unlock()
	return answer(w, http.StatusOK, list)
}

func (s *Server) getRun(w http.ResponseWriter, r *http.Request) error {
	found, err := s.runs.named(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, found.status())
}

// dropRun stops an audit and forgets it.
func (s *Server) dropRun(w http.ResponseWriter, r *http.Request) error {
	found, err := s.runs.named(r)
	if err != nil {
		return err
	}
	found.stop()
	s.runs.mu.Lock()
	s.runs.all = slices.DeleteFunc(s.runs.all, func(r *run) bool { return r == found })
	s.runs.mu.Unlock()
	return nothing(w)
}
