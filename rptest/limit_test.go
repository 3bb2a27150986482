package rptest

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// limiting is the site of a run as an audit speaks to it. Where busy says so, of a
// request and of what the site would answer, it has had too many requests.
func limiting(r *run, retryAfter string, busy func(r *http.Request, status int) bool) *run {
	site := r.RP.(*Site)
	var mu sync.Mutex // races ask from several goroutines
	r.RP = &audited{RP: Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen := &held{ResponseWriter: w, status: http.StatusOK}
		site.transport.(inProcess).handler.ServeHTTP(seen, req)
		mu.Lock()
		isBusy := busy(req, seen.status)
		mu.Unlock()
		if !isBusy {
			seen.release()
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "slow down", http.StatusTooManyRequests)
	}), site.Mapping())}
	return r
}

// held keeps an answer back.
type held struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (h *held) WriteHeader(status int) { h.status = status }

func (h *held) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return len(b), nil
}

func (h *held) release() {
	h.ResponseWriter.WriteHeader(h.status)
	h.ResponseWriter.Write(h.body)
}

// A site that had too many requests has refused nobody: not the fault, and not who
// looks afterwards.
func TestRateLimitIsNoVerdict(t *testing.T) {
	refuses := func(_ *http.Request, status int) bool { return status == http.StatusBadRequest }
	for _, test := range []struct {
		id   string
		busy func(r *http.Request, status int) bool
		path string // of what was limited
	}{
		{"login.origin.port", refuses, "/assertion/result"},
		{"register.origin.port", refuses, "/attestation/result"},
		{"login.counter.lower", refuses, "/assertion/result"}, // a policy
		{"sequence.replay.login", refuses, "/assertion/result"},
		{"sequence.replay.parallel", refuses, "/assertion/result"},
		{"sequence.session.registration-of-other", refuses, "/attestation/result"},
		{"sequence.state.failed-login", refuses, "/assertion/result"},
		{"login.origin.port", func(r *http.Request, _ int) bool { return r.URL.Path == "/attestation/result" }, "/attestation/result"},
		{"register.origin.port", func(r *http.Request, _ int) bool { return r.URL.Path == "/credentials" }, "/credentials"},
		{"sequence.account.duplicate-id", func() func(r *http.Request, status int) bool {
			refused := false
			return func(r *http.Request, status int) bool {
				refused = refused || status == http.StatusBadRequest
				return refused && r.URL.Path == "/assertion/result"
			}
		}(), "/assertion/result"},
	} {
		r := limiting(settings(t)[0].run(t, ""), "", test.busy)
		c, _ := FindCase(test.id)
		got := r.result(t.Context(), c)
		if got.Outcome != ControlFailed || got.Finding || !strings.Contains(got.Detail, test.path+": status 429") ||
			!strings.Contains(got.Detail, "lift the site's rate limit") {
			t.Errorf("%s: %s: %s", test.id, got.Outcome, got.Detail)
		}
	}
}

// In a race, too many requests hide no finding.
func TestRateLimitInRace(t *testing.T) {
	posts := 0
	r := settings(t)[0].run(t, "login.replay")
	r = limiting(r, "", func(r *http.Request, _ int) bool {
		if r.URL.Path == "/assertion/result" {
			posts++
		}
		return posts > 4
	})
	c, _ := FindCase("sequence.replay.parallel")
	result := Result{Case: c}
	if r.playSequence(t.Context(), &result); result.Outcome != Accepted {
		t.Errorf("%s: %s", result.Outcome, result.Detail)
	}
}

// A short pause that the site asks for is made, once, and where it is in vain no more.
// What would be posted twice is not.
func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		name, retryAfter string
		busy             func(path string, n int) bool // the nth request of that path
		cases            int
		want             Outcome
		pause            time.Duration
	}{
		{"every second time to begin", "1", func(path string, n int) bool { return strings.HasSuffix(path, "/options") && n%2 == 1 }, 1, Rejected, 6 * time.Second},
		{"at once", "0", func(path string, n int) bool { return strings.HasSuffix(path, "/options") && n%2 == 1 }, 1, Rejected, 0},
		{"too long", "3", func(string, int) bool { return true }, 1, ControlFailed, 0},
		{"a date", "Wed, 21 Oct 2015 07:28:00 GMT", func(string, int) bool { return true }, 1, ControlFailed, 0},
		{"in vain", "2", func(string, int) bool { return true }, 3, ControlFailed, 2 * time.Second},
		{"a response", "1", func(path string, n int) bool { return strings.HasSuffix(path, "/result") && n%2 == 1 }, 1, ControlFailed, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := map[string]int{}
				r := limiting(settings(t)[0].run(t, ""), test.retryAfter, func(r *http.Request, _ int) bool {
					requests[r.URL.Path]++
					return test.busy(r.URL.Path, requests[r.URL.Path])
				})
				c, _ := FindCase("login.origin.port")
				start := time.Now()
				for range test.cases {
					if got := r.result(t.Context(), c); got.Outcome != test.want {
						t.Errorf("%s: %s", got.Outcome, got.Detail)
					}
				}
				if pause := time.Since(start); pause != test.pause {
					t.Errorf("it took %s, want %s", pause, test.pause)
				}
			})
		})
	}
}

// A step whose first request has been taken is not begun again.
func TestRetryAfterHalfAStep(t *testing.T) {
	r := settings(t)[0].run(t, "")
	m := *r.RP.(*Site).Mapping()
	m.Steps = maps.Clone(m.Steps)
	begin := m.Steps[LogInBegin]
	begin.Requests = append([]RequestMapping{{Post: "/first", Allow: []int{http.StatusNotFound}}}, begin.Requests...)
	m.Steps[LogInBegin] = begin
	r.RP = Handler(r.RP.(*Site).transport.(inProcess).handler, &m)
	asked := 0
	r = limiting(r, "0", func(r *http.Request, _ int) bool {
		if r.URL.Path == "/assertion/options" {
			asked++
		}
		return asked == 1
	})
	c, _ := FindCase("login.origin.port")
	if got := r.result(t.Context(), c); got.Outcome != ControlFailed || asked != 1 {
		t.Errorf("%s after %d: %s", got.Outcome, asked, got.Detail)
	}
}

// Tests of a site's own rate limit see it.
func TestRateLimitIsSeen(t *testing.T) {
	busy := false
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if busy && path == "/assertion/result" {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}
		return busy && path == "/assertion/result"
	})
	u := NewUser(t, rp, "https://login.example")
	u.MustRegister()
	busy = true
	_, err := u.Login()
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Answer.Status != http.StatusTooManyRequests {
		t.Error(err)
	}
}
