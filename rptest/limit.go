package rptest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// A site that has had too many requests refuses whatever comes, wrong or right. So a
// status of 429 is no verdict: the case has none until the limit is lifted.

// errLimited tells that a site would not look at a request for how many came before.
var errLimited = errors.New("lift the site's rate limit for the test")

// limited tells whether an answer is that there were too many requests (RFC 6585 §4).
func (a *Answer) limited() bool { return !a.OK && a.Status == http.StatusTooManyRequests }

// maxPause is how long a pause that a site asks for may be.
const maxPause = 2 * time.Second

// pause waits for as long as an answer asks for, before the step is taken again. It
// reports whether that may be: not where a response was posted, whose challenge the
// site may have used up, nor where requests before the last one have changed something.
func (a *audited) pause(ctx context.Context, answer *Answer, r Request) bool {
	seconds, err := strconv.ParseUint(answer.retryAfter, 10, 8)
	wait := time.Duration(seconds) * time.Second
	a.mu.Lock()
	vain := a.vain
	a.mu.Unlock()
	if err != nil || wait > maxPause || vain || r.Credential != nil || len(answer.Exchanges) > 1 {
		return false
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
