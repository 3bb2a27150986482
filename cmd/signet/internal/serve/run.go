package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/target"
	"github.com/seed-77d61853/signet/rptest"
)

// runs are the audits. The zero value has none.
type runs struct {
	mu      sync.Mutex
	all     []*run // the oldest first
	made    int
	running int // those too that were forgotten and have not ended
	ends    sync.WaitGroup
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
	stateFailed  = "failed" // it could not begin, or broke
)

// run is one audit.
type run struct {
	id   string
	stop context.CancelFunc

	mu     sync.Mutex // guards all below
	shown  runStatus
	report *rptest.Report // nil, too, where it is kept no longer
	size   int            // of report
}

// runStatus is what is shown of a run.
type runStatus struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Done     int    `json:"done"`
	Total    int    `json:"total"`
	Failure  string `json:"failure,omitempty"`
	*verdict        // once it is done
	RP       string `json:"rp,omitempty"`
	Seed     string `json:"seed,omitempty"`
}

func (r *run) status() runStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// auditRequest is what a client asks for. What signet audit has as flags has the
// same name here, but only, which is --case there.
type auditRequest struct {
	URL string `json:"url"`
	// Mapping is a mapping file's text, or the same as a JSON object; absent:
	// the FIDO REST profile.
	Mapping   json.RawMessage  `json:"mapping"`
	Origin    string           `json:"origin"`
	Seed      string           `json:"seed"`
	Device    deviceConfig     `json:"device"`
	Trusted   bool             `json:"trusted"`
	ModelList bool             `json:"modelList"`
	AtLeast   *rptest.Severity `json:"atLeast"`
	FailOn    *rptest.Severity `json:"failOn"`
	Only      []string         `json:"only"`
	Skip      []string         `json:"skip"`
	Slow      bool             `json:"slow"`
	Baseline  struct {
		Known rptest.KnownFindings `json:"known"`
	} `json:"baseline"`
	// CA are certificate authorities to trust besides the system's, as PEM.
	CA string `json:"ca"`
	// TimeoutMs bounds each request to the site; 0: target.DefaultTimeout.
	TimeoutMs int64 `json:"timeoutMs"`
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
	if b.ModelList && !b.Trusted {
		return nil, errors.New("modelList needs trusted")
	}
	if b.Origin != "" {
		if err := checkOrigin(b.Origin); err != nil {
			return nil, err
		}
	}
	site, err := b.site()
	if err != nil {
		return nil, err
	}
	device, err := b.device()
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	a := &rptest.Audit{
		RP: site, Origin: b.Origin, Seed: b.Seed, Device: device, Trusted: b.Trusted, ModelList: b.ModelList,
		Only: b.Only, Skip: b.Skip, Slow: b.Slow, Known: b.Baseline.Known,
	}
	if b.AtLeast != nil {
		a.AtLeast = *b.AtLeast
	}
	if b.FailOn != nil {
		a.FailOn = *b.FailOn
	}
	if a.Origin == "" {
		a.Origin = site.Mapping().Origin
	}
	_, err = a.Cases() // says what is wrong with their names
	return a, err
}

// device is what the audit's devices are.
func (b *auditRequest) device() (rptest.DeviceConfig, error) {
	c := b.Device
	if c.Seed != "" || c.Origins != nil || c.RelatedOrigins != nil {
		return rptest.DeviceConfig{}, errors.New("seed, origins and relatedOrigins are not an audit's device's: each has a seed of its own, after the audit's, and goes where the case says")
	}
	config, err := c.rptest()
	if err != nil {
		return config, err
	}
	_, err = rptest.NewDevice(config) // says what is wrong with it
	return config, err
}

// site is who is audited.
func (b *auditRequest) site() (*rptest.Site, error) {
	if b.TimeoutMs < 0 || b.TimeoutMs > maxMilliseconds {
		return nil, fmt.Errorf("timeoutMs %d is not from 0 to %d", b.TimeoutMs, maxMilliseconds)
	}
	mapping, err := b.mapping()
	if err != nil {
		return nil, err
	}
	t := target.Target{URL: b.URL, Mapping: mapping, Owned: b.IOwnThis, Timeout: time.Duration(b.TimeoutMs) * time.Millisecond}
	if b.CA != "" {
		t.CA = []byte(b.CA)
	}
	site, err := t.Site()
	var elsewhere *target.ElsewhereError
	if errors.As(err, &elsewhere) {
		return nil, fmt.Errorf("%w: say iOwnThis where you may attack it", err)
	}
	return site, err
}

// mapping is how the site is spoken to.
func (b *auditRequest) mapping() (*rptest.Mapping, error) {
	text := string(b.Mapping) // JSON is YAML
	switch {
	case text == "" || text == "null":
		return rptest.FIDO(), nil
	case text[0] == '"':
		if err := json.Unmarshal(b.Mapping, &text); err != nil {
			return nil, fmt.Errorf("mapping: %w", err)
		}
		if !strings.ContainsAny(text, "\n{") {
			return nil, fmt.Errorf("mapping %q is not the text of a mapping file, in YAML or JSON: a path is not read, so send what is in the file", text)
		}
	case text[0] != '{':
		return nil, errors.New("mapping has to be a string, the text of a mapping file, or an object, and is neither")
	}
	return rptest.ParseMapping(strings.NewReader(text))
}

// start runs an audit until ctx ends.
func (rs *runs) start(ctx context.Context, audit *rptest.Audit) (*run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if ctx.Err() != nil {
		return nil, refusal(http.StatusServiceUnavailable, "the service is being stopped")
	}
	if rs.running >= maxRunning {
		return nil, refusal(http.StatusTooManyRequests, "%d audits are running: wait for one", rs.running)
	}
	if len(rs.all) >= maxRuns { // of which some have ended: fewer may run
		i := slices.IndexFunc(rs.all, func(r *run) bool { return r.status().State != stateRunning })
		rs.all = slices.Delete(rs.all, i, i+1)
	}
	rs.made++
	rs.running++
	ctx, stop := context.WithCancel(ctx)
	id := "r" + strconv.Itoa(rs.made)
	r := &run{id: id, stop: stop, shown: runStatus{ID: id, State: stateRunning}}
	rs.all = append(rs.all, r)
	audit.Progress = func(done, total int, _ rptest.Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.shown.Done, r.shown.Total = done, total
	}
	rs.ends.Go(func() {
		defer stop()
		report, err := play(ctx, audit)
		rs.end(r, report, err)
	})
	return r, nil
}

// play runs an audit. Nothing that goes wrong in one ends the service.
func play(ctx context.Context, audit *rptest.Audit) (report *rptest.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("an audit panicked", "panic", p, "stack", string(debug.Stack()))
			report, err = nil, fmt.Errorf("the audit broke, which is a fault of Signet: %v", p)
		}
	}()
	return audit.Run(ctx)
}

// wait waits until no audit runs any more.
func (rs *runs) wait() {
	rs.mu.Lock()
	ends := &rs.ends // while no start, which had seen the service run, is half done
	rs.mu.Unlock()
	ends.Wait()
}

// named gives the run that the path names.
func (rs *runs) named(r *http.Request) (*run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	id := r.PathValue("run")
	i := slices.IndexFunc(rs.all, func(r *run) bool { return r.id == id })
	if i >= 0 {
		return rs.all[i], nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(id, "r"))
	if err == nil && id == "r"+strconv.Itoa(n) && 0 < n && n <= rs.made {
		return nil, refusal(http.StatusNotFound, "there is no run %q any more: it was deleted, or went for newer ones, since %d are kept", id, maxRuns)
	}
	return nil, refusal(http.StatusNotFound, "there is no run %q", id)
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

// dropRun stops an audit and forgets it; it counts as running until it has ended.
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
