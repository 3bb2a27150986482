package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// maxDevices bounds the devices that there are at a time.
const maxDevices = 100_000

// deviceConfig is what a client says of a device, in JSON.
type deviceConfig struct {
	rptest.DeviceConfig
	// Clock is where the device's clock stands still.
	Clock *time.Time `json:"clock,omitempty"`
	// Origins are those of pages that may use the device; none: all.
	Origins []string `json:"origins,omitempty"`
	// RelatedOrigins holds by RP ID the origins that its
	// /.well-known/webauthn names. Nothing is fetched.
	RelatedOrigins map[string][]string `json:"relatedOrigins,omitempty"`
}

// device is an rptest.Device with what the service keeps for it.
type device struct {
	*rptest.Device
	id      string
	asked   deviceConfig
	starts  int               // how often it was read from a state
	related map[string][]byte // documents, by RP ID
	log     log
	waiting waiting
}

// rptest gives the part that is the device's own; the origins are the service's to
// keep.
func (c deviceConfig) rptest() (rptest.DeviceConfig, error) {
	config := c.DeviceConfig
	if c.Clock != nil {
		at := *c.Clock
		config.Now = func() time.Time { return at }
	}
	for _, o := range c.Origins {
		if err := checkOrigin(o); err != nil {
			return config, err
		}
	}
	return config, nil
}

// newDevice makes a device. Where a state had it before, what follows from its seed
// is not what it was in its earlier starts: passkeys that were deleted would come
// back, with their private keys.
func newDevice(id string, c deviceConfig, starts int) (*device, error) {
	config, err := c.rptest()
	if err != nil {
		return nil, err
	}
	if config.Seed != "" && starts > 0 {
		config.Seed = fmt.Sprintf("%s\x00%d", config.Seed, starts)
	}
	d := &device{id: id, asked: c, starts: starts, related: map[string][]byte{}}
	for rpID, origins := range c.RelatedOrigins {
		document, err := json.Marshal(map[string][]string{"origins": origins})
		if err != nil {
			return nil, fmt.Errorf("related origins: %w", err)
		}
		d.related[rpID] = document
	}
	d.Device, err = rptest.NewDevice(config)
	return d, err
}

// checkOrigin refuses what no browser sends as an origin.
func checkOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o || strings.ToLower(o) != o {
		return fmt.Errorf("origin %q is not like https://login.example: scheme, host and port, nothing else", o)
	}
	return nil
}

// description is a device as the service shows it: what it is, whatever was
// said of it.
func (d *device) description() map[string]any {
	shown := deviceConfig{DeviceConfig: d.Config(), Clock: d.asked.Clock, Origins: d.asked.Origins, RelatedOrigins: d.asked.RelatedOrigins}
	shown.Seed = d.asked.Seed
	return map[string]any{"id": d.id, "config": shown}
}

// withDevice makes a route of what is done to the device that the path names.
func withDevice(serve func(*Server, http.ResponseWriter, *http.Request, *device) error) func(*Server, http.ResponseWriter, *http.Request) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		d, err := s.device(r.PathValue("device"))
		if err != nil {
			return err
		}
		return serve(s, w, r, d)
	}
}

func (s *Server) device(id string) (*device, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := s.devices[id]
	if !ok {
		return nil, refusal(http.StatusNotFound, "there is no device %q", id)
	}
	return d, nil
}

// all lists the devices, the oldest first.
func (s *Server) all() []*device {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*device, len(s.order))
	for i, id := range s.order {
		all[i] = s.devices[id]
	}
	return all
}

func (s *Server) makeDevice(w http.ResponseWriter, r *http.Request) error {
	var c deviceConfig
	if err := decode(r, &c); err != nil {
		return err
	}
	d, err := s.add(c)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, d.description())
}

// add makes a device and keeps it under an ID that no other had.
func (s *Server) add(c deviceConfig) (*device, error) {
	s.mu.Lock()
	if len(s.devices) >= maxDevices {
		s.mu.Unlock()
		return nil, refusal(http.StatusTooManyRequests, "there are %d devices: delete some", maxDevices)
	}
	s.made++
	id := "d" + strconv.Itoa(s.made)
	s.mu.Unlock()
	d, err := newDevice(id, c, 0)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[id] = d
	s.order = append(s.order, id)
	return d, nil
}

func (s *Server) listDevices(w http.ResponseWriter, _ *http.Request) error {
	list := []any{}
	for _, d := range s.all() {
		list = append(list, d.description())
	}
	return answer(w, http.StatusOK, list)
}

func (s *Server) getDevice(w http.ResponseWriter, _ *http.Request, d *device) error {
	return answer(w, http.StatusOK, d.description())
}

func (s *Server) dropDevice(w http.ResponseWriter, _ *http.Request, d *device) error {
	s.mu.Lock()
	delete(s.devices, d.id)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == d.id })
	s.mu.Unlock()
	d.gone()
	return nothing(w)
}

func (s *Server) dropDevices(w http.ResponseWriter, _ *http.Request) error {
	all := s.all()
	s.mu.Lock()
	for _, d := range all {
		delete(s.devices, d.id)
	}
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return s.devices[id] == nil })
	s.mu.Unlock()
	for _, d := range all {
		d.gone()
	}
	return nothing(w)
}

// gone ends what waits for the device.
func (d *device) gone() {
	d.waiting.end(errGone)
	d.log.close()
}

func (s *Server) resetDevice(w http.ResponseWriter, r *http.Request, d *device) error {
	if err := d.Reset(r.Context()); err != nil {
		return err
	}
	d.log.add(Event{Type: "reset"})
	return nothing(w)
}

func (s *Server) powerCycle(w http.ResponseWriter, r *http.Request, d *device) error {
	if err := d.PowerCycle(r.Context()); err != nil {
		return err
	}
	return nothing(w)
}

// maxMilliseconds is the longest that a person thinks, or a site takes to answer: a day.
const maxMilliseconds = 24 * 60 * 60 * 1000

func (s *Server) behave(w http.ResponseWriter, r *http.Request, d *device) error {
	var b struct {
		rptest.Behaviour
		// Always makes it the default; otherwise it is for one ceremony.
		Always bool `json:"always"`
	}
	if err := decode(r, &b); err != nil {
		return err
	}
	if b.DelayMs < 0 || b.DelayMs > maxMilliseconds {
		return refusal(http.StatusBadRequest, "body: delayMs is from 0 to %d", maxMilliseconds)
	}
	if err := d.Behave(b.Behaviour, b.Always); err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	return nothing(w)
}

// wake lets any number of goroutines wait for a change. Its zero value is ready.
type wake struct {
	mu sync.Mutex
	c  chan struct{}
}

// next gives a channel that the next change closes.
func (w *wake) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c == nil {
		w.c = make(chan struct{})
	}
	return w.c
}

// all wakes those that wait.
func (w *wake) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c != nil {
		close(w.c)
		w.c = nil
	}
}
